"""Claim within capacity, run, report, drain. One call to the queue a tick says everything there is to say."""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from emprops.connectors.base import Connector
from emprops.kit.telemetry import tracing
from emprops.kit.telemetry.logging import about
from emprops.queue.fleet import Counters
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Finished
from emprops.queue.transport import AWAY, Settled, Transport, WorkerRefusedError
from emprops.worker import spans
from emprops.worker.board import Board
from emprops.worker.lanes import Lane, Lanes
from emprops.worker.runs import Observe, Run, Tools, finish, ids_of

log = structlog.get_logger(__name__)

STOP_TIME = 10.0
"""Seconds that cancelled work gets to end, and the last words to the queue to arrive, when the worker stops. Cancelled
work gets no more than the grace, though always :data:`SHORTEST_STOP`."""
SHORTEST_STOP = 2.0
LONGEST_PAUSE = 5.0
"""Seconds between tries while the queue is away."""


@dataclass(slots=True)
class WorkerLoop:
    """The worker's main loop."""

    link: Transport
    board: Board
    connectors: Mapping[str, Connector]
    """Job type -> who serves it."""
    lanes: Lanes
    tools: Tools
    grace: float = 30.0
    """Seconds that running steps get to finish once the worker should stop; then they are handed back."""
    heard: bool = True
    """Whether the fleet has said if this worker is to pause; it claims nothing before."""
    counters: Counters = field(default_factory=Counters)
    worker_id: str = ""
    """What the worker is called in the fleet, for its spans."""
    observe: Observe | None = None
    """For metrics; None: nobody asks."""
    _running: dict[asyncio.Task[None], Run] = field(default_factory=dict)
    _done: list[Settled] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _left: list[WorkerOffers] = field(default_factory=list)
    """Lines to leave before anything else is asked."""
    _paused: bool = False
    _stopping: bool = False
    _draining: bool = False

    def stop(self) -> None:
        """Claim nothing more; finish or hand back what is running."""
        self._stopping = True
        self._news.set()

    def offer(self, offers: WorkerOffers) -> None:
        """Claim by these offers from now on; what runs goes on."""
        self._left += self.lanes.waiting_offers()
        self.lanes.offer(offers)
        self._news.set()

    def pause(self, paused: bool) -> None:
        """Claim nothing until told otherwise; what runs goes on. Or claim again."""
        self.heard = True
        if paused and not self._paused:
            self._left += self.lanes.waiting_offers()
        elif self._paused and not paused:
            self.lanes.wake()
        self._paused = paused
        self._news.set()

    def counted(self) -> Counters:
        """Return the counters as of now, with the time that running steps have taken so far. From any thread."""
        now = time.monotonic()
        running = sum(now - run.begun for run in list(self._running.values()))
        return replace(self.counters, busy_seconds=round(self.counters.busy_seconds + running, 3))

    @property
    def paused(self) -> bool:
        """Whether the worker was told to claim nothing."""
        return self._paused

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
                await self._stop_waiting()
                await self._tick()
                await self._news.wait()
                self._news.clear()
                if listener.done():
                    listener.result()  # a deaf worker must not stay
            await self._drain()
        except BaseException as error:
            stopped = await self._stop_running()
            if isinstance(error, Exception) and not isinstance(error, WorkerRefusedError):
                await self._hand_back(stopped)
            raise
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _tick(self) -> None:
        """Report what ended and fill free slots, until there is nothing to say. An outage is waited out."""
        failures = 0
        while (lane := self._next_lane()) is not None:
            settled, self._done = self._done, []
            want = lane.want if self._claiming else 0
            lane.hungry = False
            begun = time.monotonic()
            try:
                turn = await self.link.turn(settled, want, lane.offers)
            except asyncio.CancelledError:
                self._done = settled + self._done
                raise
            except AWAY as error:
                self._done = settled + self._done
                lane.hungry = True
                failures += 1
                log.warning("queue unreachable", error=str(error), unreported=len(self._done))
                await asyncio.sleep(pause_after(failures) * random.uniform(0.5, 1.0))
                if self._stopping and not self._draining:
                    return  # an outage must not keep the worker from stopping in its time
                continue
            self.lanes.served(lane)
            spans.reported(settled, time.monotonic() - begun)
            self._note_late(turn.late)
            await self._take(turn.claims, begun)
            # never back to False here: a wake-up may have come while the answer was on its way
            if turn.more or (turn.claims and len(turn.claims) == want):
                lane.hungry = True

    @property
    def _claiming(self) -> bool:
        return self.heard and not self._paused and not self._stopping

    def _next_lane(self) -> Lane | None:
        """Who asks next, and takes along what is to be reported; None if there is nothing to say."""
        lane = self.lanes.next_hungry() if self._claiming else None
        return self.lanes.roomiest() if lane is None and self._done else lane

    async def _take(self, claims: Sequence[Claim], since: float) -> None:
        if self._stopping:
            await self._hand_back(claims)
            return
        for claim in claims:
            self._start(claim, since)

    def _start(self, claim: Claim, since: float) -> None:
        lane = self.lanes.of(claim.ticket.job_type)
        run = Run(claim, self.tools.context_of(claim, self.board), lane, time.monotonic())
        lane.running += 1
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._work(run), name=claim.ticket.id)
        self._running[task] = run
        task.add_done_callback(self._ended)

        def abandon() -> None:
            self.counters.lost_leases += 1
            run.abandon()
            with contextlib.suppress(RuntimeError):  # the event loop may be closed by now
                loop.call_soon_threadsafe(task.cancel)

        self.board.add(claim, abandon, since)

    async def _work(self, run: Run) -> None:
        about(ids_of(run.claim))
        connector = self.connectors.get(run.claim.ticket.job_type)
        end = finish(run, connector, self.tools.storage, self.observe)
        if not tracing.enabled():
            self._conclude(run, await end)
            return
        with spans.of_run(run.claim, self.worker_id):
            self._conclude(run, spans.told(await end))

    def _conclude(self, run: Run, finished: Finished) -> None:
        # A run that was told to stop may fail of it: that is not the step's failure. A success is offered in any
        # case; whether it comes too late is for Redis to say.
        if finished.failure is not None and run.abandoned:
            self.counters.abandoned += 1
            return
        self.counters.note(finished.failure, sum(file.size for file in finished.files))
        if finished.failure is not None:
            log.warning("step failed", kind=finished.failure, error=finished.error)
        self._done.append(Settled(run.claim, finished))

    def _ended(self, task: asyncio.Task[None]) -> None:
        # a callback, because a task that is cancelled before its first step never gets to its own `finally`
        run = self._running.pop(task)
        run.lane.running -= 1
        run.lane.hungry = True
        self.counters.busy_seconds += time.monotonic() - run.begun
        self.board.remove(run.claim)
        if task.cancelled():
            self.counters.abandoned += 1
        elif task.exception() is not None:
            log.error("run broken off", **ids_of(run.claim), task=repr(task))
        self._news.set()

    def _note_late(self, late: tuple[Claim, ...]) -> None:
        for claim in late:
            self.counters.late += 1
            log.warning("late report refused", **ids_of(claim), attempt=claim.attempt)

    async def _listen(self) -> None:
        while True:
            wake = None
            try:
                wake = await self.link.wait(self.link.poll)
            except AWAY:
                await asyncio.sleep(random.uniform(0.5, 1.5))
            if wake == "cancel":
                self.board.doubt()
            if self.lanes.wake():
                self._news.set()
                await asyncio.sleep(0)  # the claim goes to Redis first, and then the next wait

    async def _drain(self) -> None:
        """Let running steps finish for a while, reporting each as it ends; hand the rest back."""
        self._draining = True
        if self._running:
            log.info("worker draining", steps=len(self._running), grace=self.grace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.grace):
                self._left += self.lanes.waiting_offers()
                await self._stop_waiting()
                await self._tick()
                while any(not run.abandoned for run in self._running.values()):
                    await self._news.wait()
                    self._news.clear()
                    await self._tick()
        stopped = await self._stop_running()
        try:
            async with asyncio.timeout(STOP_TIME):
                await self._tick()
                await self._hand_back(stopped)  # but for those that ended well in spite of it, and are settled now
        except TimeoutError:
            log.warning("reports not delivered", unreported=len(self._done))

    async def _stop_waiting(self) -> None:
        """Take no more wake-ups from those who stay there. What a lost answer may have handed out comes with it."""
        while self._left:
            begun = time.monotonic()
            try:
                turn = await self.link.turn([], 0, self._left[-1])
            except AWAY as error:
                log.warning("waiting entry not removed", error=str(error))
                return
            self._left.pop()
            self.lanes.wake()  # a lane may have begun to wait again
            await self._take(turn.claims, begun)

    async def _stop_running(self) -> list[Claim]:
        """Cancel what is running and wait for it, though not for ever. Returns the claims it was stopped on.

        What ignores that is left to itself: it can report nothing any more, and the process does not wait for it.
        """
        tasks = dict(self._running)
        for task, run in tasks.items():
            run.abandon()
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=min(STOP_TIME, max(self.grace, SHORTEST_STOP)))
        return [run.claim for run in tasks.values()]

    async def _hand_back(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        try:
            async with asyncio.timeout(STOP_TIME):
                count = await self.link.release(claims)
        except (*AWAY, WorkerRefusedError) as error:
            log.warning("steps not handed back", steps=len(claims), error=str(error))
        else:
            log.info("steps handed back", steps=count)


def pause_after(failures: int) -> float:
    """Return the seconds until the queue is asked again after so many failures in a row, however long that goes on."""
    return min(LONGEST_PAUSE, 0.2 * 2.0 ** min(failures, 10))
