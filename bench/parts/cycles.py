"""Whole cycles over real HTTP: POST a generation → worker → file stored → result committed → seen by the client."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import orjson
import psutil
import psycopg
from psycopg.types.json import Jsonb

from bench.engines import both_in, folder
from bench.tables import p50, p99, print_table, ratios
from emprops.kit.ids import new_id
from emprops.kit.pubsub import Pokes
from emprops.local.process import spawn, stop
from emprops.queue.keys import JOBS_CHANGED

IN_FLIGHT = (1, 32)
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


FULL = Size(rounds=3, jobs={1: 150, 32: 600})
QUICK = Size(rounds=1, jobs={1: 50, 32: 200})


class Caller:
    """One HTTP/1.1 connection of a client that costs little, so that the server is measured and not the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader, self._writer, self._head = reader, writer, head

    @classmethod
    async def connect(cls, port: int, user: UUID) -> "Caller":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, f"Host: localhost:{port}\r\nuser_id: {user}\r\n")

    async def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Send a request and give the ``data`` of its reply. Raises if that is not a success."""
        content = b"" if body is None else orjson.dumps(body)
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        raw = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        reply = await self._reader.readexactly(int(raw.split("content-length:")[1].split("\r\n")[0]))
        if not raw.startswith("http/1.1 2"):
            raise RuntimeError(f"{method} {path}: {raw.splitlines()[0]} {reply.decode()}")
        data: dict[str, object] = orjson.loads(reply)["data"]
        return data

    def close(self) -> None:
        self._writer.close()


@contextmanager
def processes(place: Path, database_url: str, redis_url: str, port: int) -> Iterator[dict[str, int]]:
    """Run ``emprops api`` and ``emprops worker`` with the noop connector; gives their process ids."""
    env = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(place / "data"),
        "EMPROPS_WORKER_CONNECTORS": "noop",
        "EMPROPS_WORKER_CONCURRENCY": str(max(IN_FLIGHT)),
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
        await connection.execute("INSERT INTO app_user (id) VALUES (%s)", (user,))
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


async def cycle(caller: Caller, pokes: Pokes, collection: UUID) -> float:
    """Run one job to its end, looking only when poked; seconds."""
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

    async def measure(self, in_flight: int, count: int) -> Round:
        """Do ``count`` jobs, and bare commits before."""
        commits, _ = await shared(10 * count, [partial(commit, one) for one in self.connections[:in_flight]])
        # opened for this round: the api closes what is silent for some seconds
        callers = [await Caller.connect(self.port, self.user) for _ in range(in_flight)]
        before = self.cpu()
        try:
            jobs, seconds = await shared(count, [partial(cycle, one, self.pokes, self.collection) for one in callers])
        finally:
            for caller in callers:
                caller.close()
        return Round(jobs, commits, seconds, {name: (now - before[name]) / count for name, now in self.cpu().items()})


def print_cycles(found: dict[int, list[Round]], size: Size) -> None:
    rows = []
    for in_flight, rounds in found.items():
        rates, commits = [one.rate for one in rounds], [one.commits for one in rounds]
        rows.append(
            [
                f"{in_flight} in flight",
                f"{median(rates):,.0f}",
                f"{1e3 * median(p50(one.seconds) for one in rounds):.1f}",
                f"{1e3 * median(p99(one.seconds) for one in rounds):.1f}",
                f"{median(commits):,.0f}",
                f"{1 / median(ratios(rates, commits)):.1f}",
            ]
        )
    header = ["", "jobs a second", "p50 ms", "p99 ms", "limit: commits a second", "commits' time a job"]
    print_table(f"POST generate → job seen completed; median of {size.rounds} rounds", header, rows)
    names = list(found[IN_FLIGHT[0]][0].cpu)
    costs = [
        [f"{in_flight} in flight", *(f"{1e3 * median(one.cpu[name] for one in rounds):.2f}" for name in names)]
        for in_flight, rounds in found.items()
    ]
    print_table("Processor time of one job, ms", ["", *names], costs)


async def run(*, quick: bool) -> bool:
    """Measure and print. There is no goal to miss."""
    size = QUICK if quick else FULL
    user, port = uuid4(), free_port()
    with (
        folder() as place,
        both_in(place) as (postgres, redis),
        processes(place, postgres.url, redis.url, port) as pids,
    ):
        pids |= {"PostgreSQL": postgres.process.pid, "Redis": redis.process.pid}
        collection = await plant(postgres.url, user)
        await ready(port, user)
        async with AsyncExitStack() as stack:
            pokes = await stack.enter_async_context(Pokes(redis.url, "emprops:" + JOBS_CHANGED))
            connections = [
                await stack.enter_async_context(await psycopg.AsyncConnection.connect(postgres.url, autocommit=True))
                for _ in range(max(IN_FLIGHT))
            ]
            await connections[0].execute("CREATE TABLE bench (id uuid PRIMARY KEY, data text NOT NULL)")
            bench = Bench(port, user, collection, pokes, connections, pids)
            await bench.measure(max(IN_FLIGHT), 100)  # the first ones go with cold code
            found: dict[int, list[Round]] = {in_flight: [] for in_flight in IN_FLIGHT}
            for _ in range(size.rounds):
                for in_flight, rounds in found.items():
                    rounds.append(await bench.measure(in_flight, size.jobs[in_flight]))
            print_cycles(found, size)
    return True
