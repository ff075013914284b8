"""What workers that wait cost: the time until one of them has a ticket, and Redis' processor."""

import asyncio
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.engines import folder, redis_in
from bench.growth.figure import Figure, Panel, percentiles
from bench.parts.latency import World
from bench.parts.streams import allow_files
from bench.probe import OFFERS
from bench.process import worker
from bench.rounds import Rounds
from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue
from emprops.queue.keys import KEYS
from emprops.queue.matching import class_of

WARM = 20
"""Tickets that go with cold code."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    workers: tuple[int, ...]
    rounds: int
    samples: int
    quiet: float
    """Seconds in which the workers only wait, to see what that costs."""


FULL = Size((1, 10, 100, 300, 1_000), rounds=7, samples=400, quiet=3.0)
QUICK = Size((1, 100, 500), rounds=1, samples=100, quiet=3.0)


async def measure(*, quick: bool) -> list[Figure]:
    """Let fleets of each size take tickets, one after the other, several times round."""
    size = QUICK if quick else FULL
    allow_files(3 * max(size.workers) + 1_000)
    taken: dict[int, Rounds] = {many: [] for many in size.workers}
    idle: dict[int, list[float]] = {many: [] for many in size.workers}
    with folder() as place, redis_in(place) as server:
        async with connect(server.url) as redis:
            for number in range(size.rounds):
                for many in size.workers:
                    prefix = f"fleet-{number}-{many}:"
                    async with worker(server.url, prefix, many, place, module="bench.growth.fleet") as lent:
                        lent.tell("go")
                        await until_all_wait(redis, prefix, many)
                        world = World(Queue(redis, prefix=prefix), lent, held=False)
                        samples = [await world.sample() for _ in range(WARM + size.samples)]
                        taken[many].append(samples[WARM:])
                        idle[many].append(100 * await redis_share(redis, size.quiet))
                    await redis.flushall()
    return [
        Figure(
            "workers",
            "idle workers",
            f"medians of {size.rounds} rounds of {size.samples} tickets",
            (
                Panel("From enqueue to a worker", "ms", percentiles(taken)),
                Panel("Redis while all wait", "% of a core", {"": {many: median(idle[many]) for many in idle}}),
            ),
        )
    ]


async def redis_share(redis: Any, seconds: float) -> float:
    """Return the share of a processor that Redis uses meanwhile, as it counts itself: idle workers take little."""

    async def used() -> float:
        spent = await redis.info("cpu")
        return float(spent["used_cpu_user"] + spent["used_cpu_sys"])

    before = await used()
    await asyncio.sleep(seconds)
    return (await used() - before) / seconds


async def until_all_wait(redis: Any, prefix: str, many: int) -> None:
    """Return when all have asked for work and wait to be woken, and what announces them has begun."""

    async def ready() -> bool:
        waiting = await redis.zcard(prefix + KEYS.idle + class_of(OFFERS))
        blocked = (await redis.info("clients"))["blocked_clients"]
        return min(waiting, blocked) >= many and bool(await redis.exists(prefix + KEYS.workers))

    async with asyncio.timeout(60):
        while not await ready():  # noqa: ASYNC110 -- other processes do it
            await asyncio.sleep(0.05)
