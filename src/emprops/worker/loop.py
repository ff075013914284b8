"""Claim within capacity, run, report, drain. One call to Redis a tick says everything there is to say."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from emprops.connectors.base import Connector
from emprops.kit.http import GuardedClient
from emprops.kit.storage import Storage
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Finished
from emprops.queue.worker_link import Settled, WorkerLink
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim, unserved

log = structlog.get_logger(__name__)

POLL = 2.0
"""Seconds between looks at the queue when nothing wakes the worker: the net under the wake-ups."""


@dataclass(slots=True)
class Counters:
    """What this worker has done since it started."""

    completed: int = 0
    failed: int = 0
    abandoned: int = 0
    late: int = 0


@dataclass(slots=True)
class Tools:
    """What runs need, opened once by the composition root."""

    storage: Storage
    http: GuardedClient
    settings: Settings


@dataclass(slots=True)
class WorkerLoop:
    """The worker's main loop."""

    link: WorkerLink
    board: Board
    connectors: Mapping[str, Connector]
    """Job type -> who serves it."""
    offers: WorkerOffers
    tools: Tools
    concurrency: int = 1
    grace: float = 30.0
    """Seconds that running steps get to finish once the worker should stop; then they are handed back."""
    counters: Counters = field(default_factory=Counters)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _done: list[Settled] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hungry: bool = True
    _stopping: bool = False

    def stop(self) -> None:
        """Claim nothing more; finish or hand back what is running."""
        self._stopping = True
        self._news.set()

    @property
    def draining(self) -> bool:
        """Whether the worker is on its way out."""
        return self._stopping

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        listener = asyncio.create_task(self._listen(), name="wake-ups")
        try:
            while not self._stopping:
                await self._tick()
                await self._news.wait()
                self._news.clear()
            await self._drain()
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _tick(self) -> None:
        """Report what ended and fill free slots, until there is nothing to say."""
        failures = 0
        while self._done or (self._hungry and self._free and not self._stopping):
            settled, self._done = self._done, []
            want = 0 if self._stopping else self._free
            self._hungry = False
            try:
                turn = await self.link.turn(settled, want, self.offers)
            except RedisError as error:
                self._done = settled + self._done
                self._hungry = True
                failures += 1
                log.warning("the queue is away; trying again", error=str(error), unreported=len(self._done))
                await asyncio.sleep(min(5.0, 0.2 * 2**failures) * random.uniform(0.5, 1.0))
                continue
            self._note_late(turn.late)
            for claim in turn.claims:
                self._start(claim)
            if turn.claims:
                self._hungry = self._free > 0 and len(turn.claims) == want
                await asyncio.sleep(0)

    @property
    def _free(self) -> int:
        return self.concurrency - len(self._running)

    def _start(self, claim: Claim) -> None:
        step_id = claim.ticket.id
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._work(claim), name=step_id)
        self._running[step_id] = task
        self.board.add(claim, lambda: _cancel_from_thread(loop, task))

    async def _work(self, claim: Claim) -> None:
        cancelled = False
        context = Context(
            claim,
            board=self.board,
            storage=self.tools.storage,
            http=self.tools.http,
            settings=self.tools.settings,
            cancelled=lambda: cancelled,
        )
        connector = self.connectors.get(claim.ticket.job_type)
        try:
            finished = (
                unserved(claim) if connector is None else await run_claim(claim, connector, context, self.tools.storage)
            )
        except asyncio.CancelledError:
            cancelled = True
            self.counters.abandoned += 1
            raise
        else:
            self._settle(claim, finished)
        finally:
            self.board.remove(claim)
            self._running.pop(claim.ticket.id, None)
            self._hungry = True
            self._news.set()

    def _settle(self, claim: Claim, finished: Finished) -> None:
        if finished.failure is None:
            self.counters.completed += 1
        else:
            self.counters.failed += 1
            log.warning("step failed", step_id=claim.ticket.id, kind=finished.failure, error=finished.error)
        self._done.append(Settled(claim, finished))

    def _note_late(self, late: tuple[Claim, ...]) -> None:
        for claim in late:
            self.counters.late += 1
            log.warning("report refused: the claim had lapsed", step_id=claim.ticket.id, attempt=claim.attempt)

    async def _listen(self) -> None:
        while True:
            try:
                await self.link.wait(POLL)
            except RedisError:
                await asyncio.sleep(1.0)
            if self._free > 0:
                self._hungry = True
                self._news.set()

    async def _drain(self) -> None:
        tasks = list(self._running.values())
        if tasks:
            log.info("draining", steps=len(tasks), grace=self.grace)
            await asyncio.wait(tasks, timeout=self.grace)
        await self._tick()
        left = [self._running[step_id] for step_id in list(self._running)]
        claims = self.board.claims()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if claims:
            count = await self.link.release(claims)
            log.info("handed back", steps=count)
        await self._tick()


def _cancel_from_thread(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)
