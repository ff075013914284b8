"""A worker for tests: the real loop, board and heartbeat on the real Redis, with a connector that each test writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.queue.helpers import ANYTHING, PREFIX

from emprops.connectors.base import Capabilities, Health, Outcome, RunContext
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.queue.fleet import FleetMember, WorkerInfo, WorkerStatus
from emprops.queue.keys import KEYS
from emprops.queue.messages import Claim, Report, Ticket
from emprops.queue.reports import parse_report
from emprops.queue.worker_link import RedisHeartbeat, WorkerLink
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.heartbeat import HeartbeatThread
from emprops.worker.lanes import Lanes
from emprops.worker.loop import WorkerLoop
from emprops.worker.runs import Tools

PATIENCE = 30.0
"""Seconds after which a test is stuck, not slow."""

DONE = Outcome(data={"done": True})
"""A result, where it does not matter which."""

Body = Callable[[Ticket, RunContext], Awaitable[Outcome]]


class Scripted:
    """A connector whose work is a function of the test."""

    name: ClassVar[str] = "scripted"
    job_types = frozenset({"noop"})

    def __init__(self, body: Body) -> None:
        self.body = body

    async def check(self) -> Health:
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        return Capabilities()

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        return await self.body(ticket, context)

    async def close(self) -> None:
        return None


class ReportLog:
    """Follows the report stream from its beginning."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.seen: list[Report] = []
        self._last = "0"

    async def until(self, step: str, kind: str) -> Report:
        """Wait for a report, as long as a test may take."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for report in self.seen:
                    if (report.step_id, report.kind) == (step, kind):
                        return report
                await self._read(block=1000)

    async def until_progress(self, step: str, percent: float) -> None:
        """Wait until at least this progress was reported."""
        async with asyncio.timeout(PATIENCE):
            while not any(r.step_id == step and (r.progress or 0) >= percent for r in self.seen):
                await self._read(block=1000)

    async def kinds(self, step: str) -> list[str]:
        """All that was reported about a step up to now, progress left out."""
        await self._read(block=1)
        return [report.kind for report in self.seen if report.step_id == step and report.kind != "progress"]

    async def _read(self, block: int) -> None:
        reply = await self.client.xread({PREFIX + KEYS.reports: self._last}, block=block)
        parts = reply.values() if isinstance(reply, dict) else (entries for _, entries in reply or ())
        for entries in parts:
            for entry_id, fields in entries[0] if entries and isinstance(entries[0], list) else entries:
                self._last = entry_id.decode()
                self.seen += [parse_report(self._last, line) for line in fields[b"r"].split(b"\n")]


@dataclass
class Rig:
    """One worker and what it needs."""

    client: Any
    settings: Settings
    folder: Path
    name: str = "worker-1"
    body: Body | None = None
    concurrency: int = 1
    grace: float = 5.0
    lease: float = 60.0
    poll: float = WorkerLink.poll
    """Seconds after which it asks for work although nothing woke it."""
    storage: FolderStorage = field(init=False)
    board: Board = field(default_factory=Board)
    heart_url: str = ""
    """Where the heartbeat finds Redis, if not where the settings say."""

    def __post_init__(self) -> None:
        self._begun: dict[str, asyncio.Event] = {}
        self.storage = FolderStorage(self.folder)
        self.http = GuardedClient(self.settings)
        self.loop = WorkerLoop(
            link=WorkerLink(self.client, prefix=PREFIX, worker_id=self.name, lease=self.lease),
            board=self.board,
            connectors={"noop": Scripted(self._run)},
            lanes=Lanes(ANYTHING, shared=self.concurrency),
            tools=Tools(self.storage, self.http, self.settings),
            grace=self.grace,
        )
        self.loop.link.poll = self.poll

    async def _run(self, ticket: Ticket, context: RunContext) -> Outcome:
        assert self.body is not None
        self._begun.setdefault(ticket.id, asyncio.Event()).set()
        return await self.body(ticket, context)

    async def begun(self, *steps: str) -> None:
        """Wait until the work on these steps has begun; the report that says so is a moment earlier."""
        async with asyncio.timeout(PATIENCE):
            for step in steps:
                await self._begun.setdefault(step, asyncio.Event()).wait()

    def context(self, claim: Claim) -> Context:
        """A run's context outside the loop."""
        return Context(claim, board=self.board, storage=self.storage, http=self.http, settings=self.settings)

    def describe(self) -> WorkerInfo:
        """The entry in the fleet."""
        status: WorkerStatus = "paused" if self.loop.paused else "idle"
        return WorkerInfo(self.name, "machine", status, self.loop.lanes.offers, self.concurrency, self.board.step_ids())

    def _obey(self, paused: bool) -> None:
        self._running.call_soon_threadsafe(self.loop.pause, paused)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run the loop; stop it at the end, however the test ended."""
        task = asyncio.create_task(self.loop.run())
        try:
            yield task
            self.loop.stop()
            async with asyncio.timeout(PATIENCE):
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.http.close()

    @contextlib.asynccontextmanager
    async def beating(
        self, *, progress_interval: float = 0.02, interval: float | None = None
    ) -> AsyncIterator[HeartbeatThread]:
        """Run the heartbeat. ``interval``: seconds between renewals of all leases, if not what follows from theirs."""
        url = self.heart_url or self.settings.redis_url
        blocking = redis.Redis.from_url(url, socket_timeout=2.0, retry=Retry(NoBackoff(), 0))
        self._running = asyncio.get_running_loop()
        heartbeat = HeartbeatThread(
            self.board,
            RedisHeartbeat(blocking, prefix=PREFIX, worker_id=self.name, machine_id="machine", lease=self.lease),
            FleetMember(blocking, PREFIX),
            self.describe,
            self._obey,
            lambda: self._running.call_soon_threadsafe(self.loop.stop),
            lease=self.lease,
            progress_interval=progress_interval,
        )
        heartbeat.interval = interval or heartbeat.interval
        heartbeat.start()
        try:
            yield heartbeat
        finally:
            await asyncio.to_thread(heartbeat.stop)
            blocking.close()


async def nothing(ticket: Ticket, context: RunContext) -> Outcome:
    """Be done at once."""
    return DONE


async def forever(ticket: Ticket, context: RunContext) -> Outcome:
    """Work until cancelled."""
    await asyncio.Event().wait()
    return DONE
