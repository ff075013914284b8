"""What jobs that are stored cost: the first page of their list, and one more start, over real HTTP."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from bench.caller import Caller
from bench.engines import both_in, folder
from bench.growth.figure import Figure, Panel, percentiles
from bench.parts.cycles import plant, ready
from bench.parts.reads import database_of, one, process
from bench.rounds import Sampler, in_turn

BLOCK = 25
WARM = 20
"""Requests that go with cold caches and plans."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    stored: tuple[int, ...]
    """Jobs of the user who asks, and as many outputs and ledger entries."""
    rounds: int
    samples: int


FULL = Size((1_000, 10_000, 100_000, 300_000), rounds=9, samples=200)
QUICK = Size((1_000, 10_000), rounds=3, samples=100)


async def measure(*, quick: bool) -> list[Figure]:
    """Ask apis over databases of each size in turn."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        postgres, redis = stack.enter_context(both_in(place))
        planted: dict[int, tuple[int, UUID, UUID]] = {}
        for many in size.stored:
            url, crowd = database_of(postgres, f"stored{many}", many)
            collection = await plant(url, crowd.user)
            port = stack.enter_context(
                process(place, str(many), ["emprops.cli.main", "api"], DATABASE_URL=url, REDIS_URL=redis.url)
            )
            await ready(port, crowd.user)
            planted[many] = port, crowd.user, collection
        lists: dict[int, Sampler] = {}
        starts: dict[int, Sampler] = {}
        for many, (port, user, collection) in planted.items():
            caller = await Caller.connect(port, user)
            stack.callback(caller.close)
            lists[many], starts[many] = partial(one, caller, "/api/jobs"), partial(start, caller, collection)
        warm = {(name, many): sampler for name, them in (("l", lists), ("s", starts)) for many, sampler in them.items()}
        await in_turn(warm, 1, WARM, WARM)
        listed = await in_turn(lists, size.rounds, size.samples, BLOCK)
        started = await in_turn(starts, size.rounds, size.samples, BLOCK)
    how = f"medians of {size.rounds} rounds of {size.samples} requests"
    panels = (
        Panel("First page of GET /api/jobs", "ms", percentiles(listed)),
        Panel("POST …/generate", "ms", percentiles(started)),
    )
    return [Figure("jobs-stored", "jobs stored", how, panels)]


async def start(caller: Caller, collection: UUID) -> float:
    """Start one job; milliseconds."""
    begun = time.perf_counter()
    await caller.call("POST", f"/api/collections/{collection}/generate", {"variables": {"prompt": "a bench"}})
    return 1e3 * (time.perf_counter() - begun)
