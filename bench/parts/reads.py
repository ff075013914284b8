"""Reads over real HTTP: a job's status against a bare route, and lists and stats in a small and a large database."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.caller import Caller
from bench.crowd import Crowd, fill
from bench.engines import both_in, folder
from bench.parts.cycles import free_port, ready, shared
from bench.tables import p50, p99, print_table, rate, ratio, verdict
from emprops.kit import migrate
from emprops.local.postgres import Postgres, ensure_database, uri
from emprops.local.process import spawn, stop

GOAL = 1.3
"""How many times its p99 in the small database the p99 of a read in the large one may be."""
CONNECTIONS = 16
"""Callers of the job-status read."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rows: tuple[int, int]
    """Jobs, outputs and ledger entries in the small and in the large database."""
    rounds: int
    reads: int
    """Job-status reads of one round."""
    samples: int
    """Of each list in one round."""


FULL = Size(rows=(10_000, 1_000_000), rounds=5, reads=4_000, samples=400)
QUICK = Size(rows=(10_000, 100_000), rounds=3, reads=1_500, samples=250)

LISTS: dict[str, Callable[[Crowd], str]] = {
    "GET /api/jobs/:id": lambda crowd: f"/api/jobs/{crowd.job}",
    "GET /api/jobs": lambda _: "/api/jobs",
    "GET /api/jobs?status=failed": lambda _: "/api/jobs?status=failed",
    "GET /api/jobs?collection_id=…": lambda crowd: f"/api/jobs?collection_id={crowd.collection}",
    "GET /api/jobs/:id/history": lambda crowd: f"/api/jobs/{crowd.job}/history",
    "GET /outputs": lambda _: "/outputs",
    "GET /outputs?status=failed": lambda _: "/outputs?status=failed",
    "GET /outputs?media_type=image": lambda _: "/outputs?media_type=image",
    "GET /outputs?starred=true": lambda _: "/outputs?starred=true",
    "GET /collections/:id/outputs": lambda crowd: f"/collections/{crowd.collection}/outputs",
    "GET /collections/:id/outputs?status=failed": lambda crowd: (
        f"/collections/{crowd.collection}/outputs?status=failed"
    ),
    "GET /collections/:id/outputs?deck_id=…": lambda crowd: (
        f"/collections/{crowd.collection}/outputs?deck_id={crowd.deck}"
    ),
    "GET /collections/:id/outputs/stats": lambda crowd: f"/collections/{crowd.collection}/outputs/stats",
    "GET /collections/:id/decks": lambda crowd: f"/collections/{crowd.collection}/decks",
    "GET /decks": lambda _: "/decks",
    "GET /decks/:id": lambda crowd: f"/decks/{crowd.deck}",
    "GET /decks/:id/stats": lambda crowd: f"/decks/{crowd.deck}/stats",
    "GET /credits/ledger": lambda _: "/credits/ledger",
}


@dataclass(frozen=True, slots=True)
class Place:
    """An api over one database."""

    port: int
    crowd: Crowd


@contextmanager
def process(place: Path, name: str, command: list[str], **settings: str) -> Iterator[int]:
    """Run a server; gives its port."""
    port = free_port()
    env = os.environ | {
        "PORT": str(port),
        "EMPROPS_DATA_DIR": str(place / name),
        "EMPROPS_LOG_LEVEL": "WARNING",
        "EMPROPS_QUEUE_PREFIX": f"{name}:",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **settings,
    }
    spawned = spawn([sys.executable, "-m", *command], folder=place, log=place / f"{name}.log", env=env)
    try:
        yield port
    finally:
        stop(spawned)


def database_of(postgres: Postgres, name: str, rows: int) -> tuple[str, Crowd]:
    """Make a migrated database with that many rows."""
    ensure_database(uri(postgres.sockets, "postgres"), name)
    url = uri(postgres.sockets, name)
    migrate.upgrade(url)
    begun = time.perf_counter()
    crowd = fill(url, rows)
    print(f"{rows:,} jobs, outputs and ledger entries inserted in {time.perf_counter() - begun:.0f} s", flush=True)
    return url, crowd


async def reads_a_second(port: int, crowd: Crowd, count: int) -> float:
    """Read a job's status as often as it goes."""
    callers = [await Caller.connect(port, crowd.user) for _ in range(CONNECTIONS)]
    try:
        done, _ = await shared(count, [partial(one, caller, f"/api/jobs/{crowd.job}") for caller in callers])
    finally:
        for caller in callers:
            caller.close()
    return done


async def one(caller: Caller, path: str) -> float:
    """Send one request; milliseconds."""
    begun = time.perf_counter()
    await caller.call("GET", path)
    return 1e3 * (time.perf_counter() - begun)


@dataclass(slots=True)
class Times:
    """Milliseconds of one read in both databases, over all rounds."""

    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)

    @property
    def factor(self) -> float:
        """How many times as slow the large one is, at p99."""
        return p99(self.large) / p99(self.small)


async def compare(path_of: Callable[[Crowd], str], small: Place, large: Place, samples: int, times: Times) -> None:
    """Ask both in turn, so that what the machine does to one it does to the other."""
    asked = [(await Caller.connect(place.port, place.crowd.user), path_of(place.crowd)) for place in (small, large)]
    try:
        for caller, path in asked * 5:
            await one(caller, path)  # the first ones go with cold caches and plans
        for _ in range(samples):
            times.small.append(await one(*asked[0]))
            times.large.append(await one(*asked[1]))
    finally:
        for caller, _ in asked:
            caller.close()


def print_status(api: list[float], bare: list[float]) -> None:
    print_table(
        f"GET /api/jobs/:id, {CONNECTIONS} at a time",
        ["", "a second", "limit: bare route", "share"],
        [["job status", rate(api), rate(bare), ratio(api, bare)]],
    )


def print_lists(found: dict[str, Times], rows: tuple[int, int]) -> bool:
    """Print, and tell whether each kept to the goal."""
    lines = [
        [
            name,
            f"{p50(times.small):.2f}",
            f"{p50(times.large):.2f}",
            f"{p99(times.small):.2f}",
            f"{p99(times.large):.2f}",
            f"{times.factor:.2f}",
            verdict(times.factor <= GOAL),
        ]
        for name, times in found.items()
    ]
    small, large = (f"{one:,}" for one in rows)
    header = ["milliseconds", f"p50 {small}", f"p50 {large}", f"p99 {small}", f"p99 {large}", "p99 ratio", f"≤ {GOAL}"]
    print_table(f"one at a time, in databases of {small} and {large} rows", header, lines)
    return all(times.factor <= GOAL for times in found.values())


async def run(*, quick: bool) -> bool:
    """Measure and print; False if a read of the large database is too slow."""
    size = QUICK if quick else FULL
    api = ["emprops.cli.main", "api"]
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        postgres, redis = stack.enter_context(both_in(place))
        places = []
        for name, rows in zip(("small", "large"), size.rows, strict=True):
            url, crowd = database_of(postgres, name, rows)
            port = stack.enter_context(process(place, name, api, DATABASE_URL=url, REDIS_URL=redis.url))
            await ready(port, crowd.user)
            places.append(Place(port, crowd))
            if name == "small":
                bare = stack.enter_context(process(place, "bare", ["bench.bare"], DATABASE_URL=url))
                await ready(bare, crowd.user)
        small, large = places
        status: dict[str, list[float]] = {"api": [], "bare": []}
        lists = {name: Times() for name in LISTS}
        for _ in range(size.rounds):
            status["bare"].append(await reads_a_second(bare, small.crowd, size.reads))
            status["api"].append(await reads_a_second(small.port, small.crowd, size.reads))
            for name, times in lists.items():
                await compare(LISTS[name], small, large, size.samples, times)
    print_status(status["api"], status["bare"])
    return print_lists(lists, size.rows)
