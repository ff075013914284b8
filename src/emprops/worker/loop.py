"""Claim within capacity, run, report, drain. One call to the queue a tick says everything there is to say."""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from emprops.connectors.base import Connector
from emprops.kit.http import GuardedClient
from emprops.kit.storage import Storage
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Finished
from emprops.queue.transport import AWAY, Settled, Transport
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim, unserved

log = structlog.get_logger(__name__)

STOP_TIME = 10.0
"""Seconds that cancelled work gets to end, and the last words to the queue to arrive, when the worker stops."""


@dataclass(slots=True)
class Counters:
    """What this worker has done since it started."""

    completed: int = 0
    failed: int = 0
    abandoned: int = 0
    late: int = 0


@dataclass(slots=True)
class Run:
    """A claim being run. It takes a slot until its task has ended, also when it was told to stop before."""

    claim: Claim
    context: Context
    abandoned: bool = False

    def abandon(self) -> None:
        """Note that nobody waits for it any more, and tell its threads. Its task is cancelled besides."""
        self.abandoned = True
        self.context.stop()


@dataclass(slots=True)
class Tools:
    """What runs need, opened once by the composition root."""

    storage: Storage
    http: GuardedClient
    settings: Settings


@dataclass(slots=True)
class WorkerLoop:
    """The worker's main loop."""

    link: Transport
    board: Board
    connectors: Mapping[str, Connector]
    """Job type -> who serves it."""
    offers: WorkerOffers
    tools: Tools
    concurrency: int = 1
    grace: float = 30.0
    """Seconds that running steps get to finish once the worker should stop; then they are handed back."""
    counters: Counters = field(default_factory=Counters)
    _running: dict[asyncio.Task[None], Run] = field(default_factory=dict)
    _done: list[Settled] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hungry: bool = True
    _stopping: bool = False
    _draining: bool = False

    def stop(self) -> None:
        """Claim nothing more; finish or hand back what is running."""
        self._stopping = True
        self._news.set()

    def offer(self, offers: WorkerOffers) -> None:
        """Claim by these offers from now on; what runs goes on."""
        self.offers = offers
        self._hungry = True
        self._news.set()

    @property
    def draining(self) -> bool:
        """Whether the worker is on its way out."""
        return self._stopping

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        listener = asyncio.create_task(self._listen(), name="wake-ups")
        listener.add_done_callback(lambda _: self._news.set())
        try:
            while not self._stopping:
                await self._tick()
                await self._news.wait()
                self._news.clear()
                if listener.done():
                    listener.result()  # a deaf worker must not stay
            await self._drain()
        finally:
            listener.cancel()
            await self._stop_running()
            await asyncio.gather(listener, return_exceptions=True)

    async def _tick(self) -> None:
        """Report what ended and fill free slots, until there is nothing to say. An outage is waited out."""
        failures = 0
        while self._done or (self._hungry and self._free and not self._stopping):
            settled, self._done = self._done, []
            want = 0 if self._stopping else min(self._free, self._share)
            self._hungry = False
            begun = time.monotonic()
            try:
                turn = await self.link.turn(settled, want, self.offers)
            except asyncio.CancelledError:
                self._done = settled + self._done
                raise
            except AWAY as error:
                self._done = settled + self._done
                self._hungry = True
                failures += 1
                log.warning("the queue is away; trying again", error=str(error), unreported=len(self._done))
                await asyncio.sleep(min(5.0, 0.2 * 2**failures) * random.uniform(0.5, 1.0))
                if self._stopping and not self._draining:
                    return  # an outage must not keep the worker from stopping in its time
                continue
            self._note_late(turn.late)
            if self._stopping:
                await self._hand_back(turn.claims)
                continue
            for claim in turn.claims:
                self._start(claim, begun)
            # never back to False here: a wake-up may have come while the answer was on its way
            if turn.more or (turn.claims and len(turn.claims) == want):
                self._hungry = True

    @property
    def _free(self) -> int:
        return self.concurrency - len(self._running)

    @property
    def _share(self) -> int:
        # Half of the slots a call: one half runs while Redis settles and refills the other.
        return (self.concurrency + 1) // 2

    def _start(self, claim: Claim, since: float) -> None:
        tools = self.tools
        run = Run(
            claim, Context(claim, board=self.board, storage=tools.storage, http=tools.http, settings=tools.settings)
        )
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._work(run), name=claim.ticket.id)
        self._running[task] = run
        task.add_done_callback(self._ended)

        def abandon() -> None:
            run.abandon()
            with contextlib.suppress(RuntimeError):  # the event loop may be closed by now
                loop.call_soon_threadsafe(task.cancel)

        self.board.add(claim, abandon, since)

    async def _work(self, run: Run) -> None:
        claim = run.claim
        connector = self.connectors.get(claim.ticket.job_type)
        finished = (
            unserved(claim) if connector is None else await run_claim(claim, connector, run.context, self.tools.storage)
        )
        # A run that was told to stop may fail of it: that is not the step's failure. A success is offered in any
        # case; whether it comes too late is for Redis to say.
        if finished.failure is None or not run.abandoned:
            self._settle(claim, finished)
        else:
            self.counters.abandoned += 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        # a callback, because a task that is cancelled before its first step never gets to its own `finally`
        run = self._running.pop(task)
        self.board.remove(run.claim)
        if task.cancelled():
            self.counters.abandoned += 1
        elif task.exception() is not None:
            log.error("a run broke off; its lease will lapse", step_id=run.claim.ticket.id, task=repr(task))
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
            wake = None
            try:
                wake = await self.link.wait(self.link.poll)
            except AWAY:
                await asyncio.sleep(random.uniform(0.5, 1.5))
            if wake == "cancel":
                self.board.doubt()
            if self._free > 0:
                self._hungry = True
                self._news.set()

    async def _drain(self) -> None:
        """Let running steps finish for a while, reporting each as it ends; hand the rest back."""
        self._draining = True
        if self._running:
            log.info("draining", steps=len(self._running), grace=self.grace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.grace):
                await self._leave_line()
                await self._tick()
                while self._running:
                    await self._news.wait()
                    self._news.clear()
                    await self._tick()
        stopped = await self._stop_running()
        try:
            async with asyncio.timeout(STOP_TIME):
                await self._tick()
                await self._hand_back(stopped)  # but for those that ended well in spite of it, and are settled now
        except TimeoutError:
            log.warning("the queue did not hear of it; the leases will lapse", unreported=len(self._done))

    async def _leave_line(self) -> None:
        """Take no more wake-ups from those who stay, and give back what a lost answer may have handed out."""
        try:
            turn = await self.link.turn([], 0, self.offers)
        except AWAY as error:
            log.warning("could not leave the line", error=str(error))
        else:
            await self._hand_back(turn.claims)

    async def _stop_running(self) -> list[Claim]:
        """Cancel what is running and wait for it, though not for ever. Returns the claims it was stopped on."""
        tasks = dict(self._running)
        for task, run in tasks.items():
            run.abandon()
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIME)
        return [run.claim for run in tasks.values()]

    async def _hand_back(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        try:
            count = await self.link.release(claims)
        except AWAY as error:
            log.warning("could not hand back; the leases will lapse", steps=len(claims), error=str(error))
        else:
            log.info("handed back", steps=count)
