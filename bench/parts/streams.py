"""Open streams of one api process: what an idle one costs in memory, and how soon an event follows its commit."""

import asyncio
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import psutil
import psycopg
from redis.asyncio import Redis

from bench.engines import both_in, folder
from bench.parts.cycles import free_port, ready
from bench.tables import p50, p99, print_table, verdict
from emprops.kit.ids import new_id
from emprops.kit.pubsub import poke
from emprops.kit.redis import connect
from emprops.local.process import spawn, stop
from emprops.queue.keys import JOBS_CHANGED

MEMORY_GOAL = 15_000
"""Bytes by which the process may grow for one idle stream."""
LATENCY_GOAL = 50.0
"""Milliseconds from commit to event, at p99, with as many idle streams open as ``LATENCY_AT``."""
LATENCY_AT = 2_000
WARM = 100
"""Streams opened and closed before anything is measured: what is loaded once does not count."""
OPENING = 64
"""Streams opened at once."""
PATIENCE = 60.0
SNAPSHOT = b"event: job_update\n"

JOBS = """
INSERT INTO app_user (id) VALUES (%(user)s);
INSERT INTO job (id, user_id, name, total_steps, data)
SELECT id, %(user)s, 'Collection Generation: Bench', 1,
       jsonb_build_object('variables', jsonb_build_object('prompt', 'a quiet harbour at dawn, oil on canvas'))
FROM unnest(%(jobs)s::uuid[]) id;
INSERT INTO job_history (job_id, status, message) SELECT id, 'pending', 'Job created' FROM job;
ANALYZE;
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    streams: tuple[int, ...]
    changes: int
    quiet: float = 20.0
    """Seconds in which nothing happens but heartbeats, to see what idle streams cost."""


FULL = Size(streams=(2_000, 10_000), changes=1_000)
QUICK = Size(streams=(2_000,), changes=300)


class Stream(asyncio.Protocol):
    """A client of one stream that keeps nothing of what it reads but when an event came."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self._event: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are of another class
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        if SNAPSHOT in data and not self._event.done():
            self._event.set_result(time.perf_counter())
        self._tail = data[-len(SNAPSHOT) :]

    def connection_lost(self, error: Exception | None) -> None:
        if not self._event.done():
            self._event.set_exception(error or RuntimeError("a stream ended"))
            self._event.exception()  # nobody may be waiting

    async def event(self) -> float:
        """Wait for the next ``job_update``; when it came."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._event
        finally:
            self._tail, self._event = b"", asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Place:
    """An api, and what its streams follow."""

    process: psutil.Process
    port: int
    user: UUID
    jobs: Sequence[UUID]
    connection: psycopg.AsyncConnection[object]
    redis: Redis

    def memory(self) -> int:
        """Return the bytes that the process has resident."""
        return int(self.process.memory_info().rss)

    async def open(self, job: UUID) -> Stream:
        """Open the stream of a job and wait for its snapshot."""
        request = f"GET /api/jobs/{job}/stream HTTP/1.1\r\nHost: localhost:{self.port}\r\nuser_id: {self.user}\r\n\r\n"
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(lambda: Stream(request.encode()), "127.0.0.1", self.port)
        await stream.event()
        return stream

    async def open_all(self, jobs: Sequence[UUID]) -> dict[UUID, Stream]:
        """Open the streams of many jobs, some at a time."""
        left, opened = iter(jobs), {}

        async def work() -> None:
            for job in left:
                opened[job] = await self.open(job)

        async with asyncio.TaskGroup() as group:
            for _ in range(OPENING):
                group.create_task(work())
        return opened

    async def change(self, job: UUID, stream: Stream) -> float:
        """Commit a change of a job and poke, as the api does; milliseconds until its stream shows it."""
        event = asyncio.ensure_future(stream.event())
        await self.connection.execute(
            "UPDATE job SET current_step = 1 - current_step, updated_at = now() WHERE id = %s", (job,)
        )
        committed = time.perf_counter()
        await poke(self.redis, "emprops:" + JOBS_CHANGED, [str(job)])
        return 1e3 * (await event - committed)


@dataclass(frozen=True, slots=True)
class Found:
    """What a number of streams took."""

    streams: int
    memory: int
    """Bytes that each added; 0: the first ones, with which everything is loaded."""
    opened: float
    """Streams opened in a second; 0: not measured."""
    latencies: list[float]
    idle: float
    """Share of a processor that the api used meanwhile."""


@contextmanager
def api(place: Path, database_url: str, redis_url: str, port: int, streams: int) -> Iterator[int]:
    """Run ``emprops api``, with room for the streams; gives its process id."""
    env = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(place / "data"),
        "EMPROPS_LOG_LEVEL": "WARNING",
        "EMPROPS_UPKEEP_IN_API": "false",  # the jobs have no steps, which it would look into
        "EMPROPS_STREAM_LIMIT": str(streams),
        "EMPROPS_STREAM_LIMIT_PER_USER": str(streams),
    }
    child = spawn([sys.executable, "-m", "emprops.cli.main", "api"], folder=place, log=place / "api.log", env=env)
    try:
        yield child.pid
    finally:
        stop(child, timeout=15.0)


async def share_of_processor(process: psutil.Process, seconds: float) -> float:
    before = process.cpu_times()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system) / seconds


async def measure(place: Place, size: Size) -> list[Found]:
    """Open ever more streams, and look at each number of them."""
    few = await place.open_all(place.jobs[:WARM])
    latencies = [await place.change(*chosen) for chosen in random.choices(list(few.items()), k=size.changes)]
    found = [Found(WARM, 0, 0.0, latencies, await share_of_processor(place.process, size.quiet))]
    for stream in few.values():
        stream.transport.close()
    await asyncio.sleep(1.0)
    begun_with = place.memory()
    streams: dict[UUID, Stream] = {}
    for count in size.streams:
        begun, before = time.perf_counter(), len(streams)
        streams |= await place.open_all(place.jobs[WARM + before : WARM + count])
        opened = (count - before) / (time.perf_counter() - begun)
        idle = await share_of_processor(place.process, size.quiet)
        latencies = [await place.change(*chosen) for chosen in random.choices(list(streams.items()), k=size.changes)]
        found.append(Found(count, (place.memory() - begun_with) // count, opened, latencies, idle))
    for stream in streams.values():
        stream.transport.close()
    return found


def allow_files(count: int) -> None:
    """Raise this process's limit of open files, which its children inherit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def print_found(found: Sequence[Found]) -> bool:
    """Print, and return whether the goals were met."""
    rows = [
        [
            f"{one.streams:,}",
            f"{one.memory / 1e3:.1f}" if one.memory else "",
            f"{one.streams * one.memory / 1e6:.0f}" if one.memory else "",
            f"{one.opened:,.0f}" if one.opened else "",
            f"{100 * one.idle:.1f}",
            f"{p50(one.latencies):.1f}",
            f"{p99(one.latencies):.1f}",
            f"{max(one.latencies):.1f}",
        ]
        for one in found
    ]
    header = ["idle streams", "kB each", "MB", "opened a second", "idle CPU, %", "p50 ms", "p99 ms", "max ms"]
    print_table("Streams of one process; from commit to event", header, rows)
    light = all(one.memory <= MEMORY_GOAL for one in found)
    quick = all(p99(one.latencies) <= LATENCY_GOAL for one in found if one.streams <= LATENCY_AT)
    print(f"\n  at most {MEMORY_GOAL / 1e3:.0f} kB each: {verdict(light)}")
    print(f"  p99 at most {LATENCY_GOAL:.0f} ms with {LATENCY_AT:,}: {verdict(quick)}")
    return light and quick


async def found_with(size: Size) -> list[Found]:
    """Measure with engines, an api and jobs made for it."""
    most = max(size.streams) + WARM
    allow_files(most + 1_000)
    user, port, jobs = new_id(), free_port(), [new_id() for _ in range(most)]
    with folder() as place, both_in(place) as (postgres, redis_server):
        async with (
            await psycopg.AsyncConnection.connect(
                postgres.url, autocommit=True, cursor_factory=psycopg.AsyncClientCursor
            ) as connection,
            connect(redis_server.url) as redis,
        ):
            await connection.execute(JOBS, {"user": user, "jobs": jobs})
            with api(place, postgres.url, redis_server.url, port, most) as pid:
                await ready(port, user)
                return await measure(Place(psutil.Process(pid), port, user, jobs, connection, redis), size)


async def run(*, quick: bool) -> bool:
    """Measure and print; False if a stream takes too much memory, or its events too long."""
    return print_found(await found_with(QUICK if quick else FULL))
