"""Whole cycles over real HTTP: POST a generation → worker → file stored → result committed → seen by the client."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import psutil
import psycopg
from psycopg.types.json import Jsonb

from bench.caller import Caller
from bench.engines import both_in, folder
from bench.tables import p50, p99, print_table, ratios
from emprops.kit.ids import new_id
from emprops.kit.pubsub import Pokes
from emprops.local.postgres import Postgres
from emprops.local.process import spawn, stop
from emprops.local.redis import RedisServer
from emprops.queue.keys import JOBS_CHANGED

PATIENCE = 30.0
"""Seconds a job may take before the run is given up."""
COLLECTION = {
    "version": "v2",
    "steps": [{"id": 1, "nodeName": "bench_noop", "nodePayload": {"prompt": "{{prompt}}"}, "alias": "Noop"}],
    "variables": [{"name": "prompt", "type": "text", "value_type": "strings", "value": "nothing"}],
    "generations": {"generations": 1},
}
WORKFLOW = {
    "form": {"fields": [{"id": "prompt", "name": "prompt", "type": "input"}]},
    "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
    "job": {"service_required": "noop", "payload": {"prompt": ""}},
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    jobs: dict[int, int]
    """Jobs of one round, by how many are in flight."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the clients of a round do it."""

    in_flight: int
    polls: bool = False
    """Each looks at its job whenever something happened to it; else the request that starts it waits for its end."""

    def __str__(self) -> str:
        return f"{self.in_flight} in flight" + (", who look whenever something happened" if self.polls else "")


WAYS = (Way(1), Way(32), Way(32, polls=True))
FULL = Size(rounds=3, jobs={1: 150, 32: 1500})
QUICK = Size(rounds=1, jobs={1: 50, 32: 400})


@contextmanager
def processes(place: Path, database_url: str, redis_url: str, port: int) -> Iterator[dict[str, int]]:
    """Run ``emprops api`` and ``emprops worker`` with the noop connector; gives their process ids."""
    env = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(place / "data"),
        "EMPROPS_WORKER_CONNECTORS": "noop",
        "EMPROPS_WORKER_CONCURRENCY": str(max(way.in_flight for way in WAYS)),
        "EMPROPS_LOG_LEVEL": "WARNING",
    }
    pids: dict[str, int] = {}
    with ExitStack() as stack:
        for name in ("api", "worker"):
            command = [sys.executable, "-m", "emprops.cli.main", name]
            child = spawn(command, folder=place, log=place / f"{name}.log", env=env)
            stack.callback(stop, child)
            pids[name] = child.pid
        yield pids


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def plant(database_url: str, user: UUID) -> UUID:
    """Insert the collection whose one step does nothing; gives the collection's id."""
    collection = new_id()
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        project = new_id()
        await connection.execute("INSERT INTO app_user (id) VALUES (%s) ON CONFLICT DO NOTHING", (user,))
        await connection.execute("INSERT INTO project (id, user_id, name) VALUES (%s, %s, 'Bench')", (project, user))
        await connection.execute(
            "INSERT INTO workflow (id, name, label, type, data, output_mime_type)"
            " VALUES (%s, 'bench_noop', 'Noop', 'direct_job', %s, 'application/json')",
            (new_id(), Jsonb(WORKFLOW)),
        )
        await connection.execute(
            "INSERT INTO collection (id, project_id, title, data) VALUES (%s, %s, 'Bench', %s)",
            (collection, project, Jsonb(COLLECTION)),
        )
    return collection


async def ready(port: int, user: UUID) -> None:
    """Return when the api answers."""
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                (await Caller.connect(port, user)).close()
                return
            await asyncio.sleep(0.05)


async def cycle(caller: Caller, collection: UUID) -> float:
    """Run one job to its end, in the request that starts it; seconds."""
    begun = time.perf_counter()
    path = f"/api/collections/{collection}/generate?wait={PATIENCE:g}"
    job = await caller.call("POST", path, {"variables": {"prompt": "a bench"}})
    if job.get("status") != "completed":
        raise RuntimeError(f"a job did not end within {PATIENCE:g} s: {job.get('error_message')}")
    return time.perf_counter() - begun


async def polled(caller: Caller, pokes: Pokes, collection: UUID) -> float:
    """Run one job to its end, and read it once when it has ended; seconds. What a client does that is told of ends by
    other means, such as a webhook."""
    job = str(uuid4())  # chosen here, so that no poke can come before somebody listens
    begun = time.perf_counter()
    with pokes.listen(job) as poke:
        body = {"variables": {"prompt": "a bench"}, "workflow_id": job}
        await caller.call("POST", f"/api/collections/{collection}/generate", body)
        while await poke.wait(PATIENCE):
            found = await caller.call("GET", f"/api/jobs/{job}")
            if found["status"] == "completed":
                return time.perf_counter() - begun
            if found["status"] == "failed":
                raise RuntimeError(str(found["error_message"]))
    raise RuntimeError(f"a job did not end within {PATIENCE:g} s")


@dataclass(frozen=True, slots=True)
class Round:
    """Some jobs, and what the same number of bare commits took just before."""

    rate: float
    commits: float
    seconds: list[float]
    cpu: dict[str, float]
    """Seconds of processor time that one job cost, by process."""


async def shared(count: int, workers: Sequence[Callable[[], Awaitable[float]]]) -> tuple[float, list[float]]:
    """Do something ``count`` times with these workers at once: how many a second, and the seconds of each."""
    left = iter(range(count))
    seconds: list[float] = []

    async def work(one: Callable[[], Awaitable[float]]) -> None:
        for _ in left:
            seconds.append(await one())

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for one in workers:
            group.create_task(work(one))
    return count / (time.perf_counter() - begun), seconds


async def commit(connection: psycopg.AsyncConnection[object]) -> float:
    """Commit one row of the table ``bench``."""
    await connection.execute("INSERT INTO bench (id, data) VALUES (%s, %s)", (new_id(), "x" * 1000))
    return 0.0


def with_children(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_of(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What a round works with."""

    port: int
    user: UUID
    collection: UUID
    pokes: Pokes
    connections: Sequence[psycopg.AsyncConnection[object]]
    pids: dict[str, int]

    def cpu(self) -> dict[str, float]:
        """Give the processor time used so far by each process, its children included; seconds."""
        others = {name: sum(map(cpu_of, with_children(pid))) for name, pid in self.pids.items()}
        return others | {"this client": time.process_time()}

    def cycle(self, caller: Caller, way: Way) -> Callable[[], Awaitable[float]]:
        if way.polls:
            return partial(polled, caller, self.pokes, self.collection)
        return partial(cycle, caller, self.collection)

    async def measure(self, way: Way, count: int) -> Round:
        """Do ``count`` jobs, and bare commits before."""
        in_flight = way.in_flight
        commits, _ = await shared(10 * count, [partial(commit, one) for one in self.connections[:in_flight]])
        # opened for this round: the api closes what is silent for some seconds
        callers = [await Caller.connect(self.port, self.user) for _ in range(in_flight)]
        before = self.cpu()
        try:
            jobs, seconds = await shared(count, [self.cycle(one, way) for one in callers])
        finally:
            for caller in callers:
                caller.close()
        return Round(jobs, commits, seconds, {name: (now - before[name]) / count for name, now in self.cpu().items()})


def print_cycles(found: dict[Way, list[Round]], size: Size) -> None:
    rows = []
    for way, rounds in found.items():
        rates, commits = [one.rate for one in rounds], [one.commits for one in rounds]
        rows.append(
            [
                str(way),
                f"{median(rates):,.0f}",
                f"{1e3 * median(p50(one.seconds) for one in rounds):.1f}",
                f"{1e3 * median(p99(one.seconds) for one in rounds):.1f}",
                f"{median(commits):,.0f}",
                f"{1 / median(ratios(rates, commits)):.1f}",
            ]
        )
    header = ["", "jobs a second", "p50 ms", "p99 ms", "limit: commits a second", "commits' time a job"]
    print_table(f"POST generate → job seen completed; median of {size.rounds} rounds", header, rows)
    names = list(found[WAYS[0]][0].cpu)
    costs = [
        [str(way), *(f"{1e3 * median(one.cpu[name] for one in rounds):.2f}" for name in names)]
        for way, rounds in found.items()
    ]
    print_table("Processor time of one job, ms", ["", *names], costs)


@asynccontextmanager
async def prepared(place: Path, postgres: Postgres, redis: RedisServer) -> AsyncIterator[Bench]:
    """Run an installation on these engines, warm."""
    user, port = uuid4(), free_port()
    with processes(place, postgres.url, redis.url, port) as pids:
        pids |= {"PostgreSQL": postgres.process.pid, "Redis": redis.process.pid}
        collection = await plant(postgres.url, user)
        await ready(port, user)
        async with AsyncExitStack() as stack:
            pokes = await stack.enter_async_context(Pokes(redis.url, "emprops:" + JOBS_CHANGED))
            connections = [
                await stack.enter_async_context(await psycopg.AsyncConnection.connect(postgres.url, autocommit=True))
                for _ in range(max(way.in_flight for way in WAYS))
            ]
            await connections[0].execute("CREATE TABLE bench (id uuid PRIMARY KEY, data text NOT NULL)")
            bench = Bench(port, user, collection, pokes, connections, pids)
            await bench.measure(WAYS[-1], 300)  # the first ones go with cold code
            yield bench


async def run(*, quick: bool) -> bool:
    """Measure and print. There is no goal to miss."""
    size = QUICK if quick else FULL
    with folder() as place, both_in(place) as (postgres, redis):
        async with prepared(place, postgres, redis) as bench:
            found: dict[Way, list[Round]] = {way: [] for way in WAYS}
            for _ in range(size.rounds):
                for way, rounds in found.items():
                    rounds.append(await bench.measure(way, size.jobs[way.in_flight]))
            print_cycles(found, size)
    return True
