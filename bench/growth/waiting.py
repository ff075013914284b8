"""What tickets that wait cost, and the users whose they are: a claim's time, and Redis' memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.engines import folder, redis_in
from bench.growth.figure import Curve, Figure, Panel, percentiles
from bench.parts.turns import BLOCK, World, open_world, tickets
from bench.rounds import in_turn
from bench.tickets import in_calls_of
from emprops.kit.redis import connect
from emprops.queue.dispatch import BATCH


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    waiting: tuple[int, ...]
    """Numbers of tickets, of one user."""
    users: tuple[int, ...]
    shared: int
    """Tickets that so many users have waiting, together."""
    rounds: int
    samples: int


FULL = Size((10, 100, 1_000, 10_000, 100_000), (1, 10, 100, 1_000, 10_000), shared=20_000, rounds=9, samples=500)
QUICK = Size((10, 1_000, 10_000), (1, 100, 5_000), shared=10_000, rounds=3, samples=200)
FEWEST = 100
"""Tickets below which Redis' buffers are more than the tickets."""


async def measure(*, quick: bool) -> list[Figure]:
    """Claim from queues of all kinds in turn."""
    size = QUICK if quick else FULL
    by_depth = await claims({many: (many, 1) for many in size.waiting}, size)
    by_users = await claims({users: (size.shared, users) for users in size.users}, size)
    how = f"medians of {size.rounds} rounds of {size.samples} claims"
    return [
        Figure("jobs-waiting", "jobs waiting", how, by_depth),
        Figure("users", f"users who have {size.shared:,} jobs waiting", how, by_users),
    ]


async def claims(kinds: Mapping[int, tuple[int, int]], size: Size) -> tuple[Panel, Panel]:
    """Fill a queue for each kind, which says how many tickets wait and of how many users, and claim from them."""
    worlds: dict[int, World] = {}
    memory: Curve = {}
    with folder() as place, redis_in(place) as server:
        async with connect(server.url) as redis:
            for many, (waiting, users) in kinds.items():
                world = worlds[many] = await open_world(redis, f"{many}:", 0, users)
                before = await used(redis)  # with the scripts, which each prefix has
                await in_calls_of(BATCH, world.queue, tickets(waiting, users))
                if waiting >= FEWEST:
                    memory[many] = (await used(redis) - before) / waiting / 1000
            samplers = {many: world.sample for many, world in worlds.items()}
            found = await in_turn(samplers, size.rounds, size.samples, BLOCK)
    return Panel("One claim", "ms", percentiles(found)), Panel("Redis memory per job of 1 KB", "kB", {"": memory})


async def used(redis: Any) -> int:
    """Return the bytes that Redis holds."""
    return int((await redis.info("memory"))["used_memory"])
