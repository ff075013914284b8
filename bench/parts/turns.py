"""Turns between users: what a claim costs while 1,000 of them have 100,000 tickets waiting, and how fast they go."""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from redis.asyncio import Redis

from bench.engines import folder, redis_in
from bench.parts.queue import check_drained, until_drained
from bench.process import worker
from bench.rounds import Rounds, in_turn, middle
from bench.tables import p50, p99, print_table, rate, ratios, verdict
from bench.tickets import in_calls_of, ticket
from emprops.kit.redis import connect
from emprops.queue.dispatch import BATCH, Queue
from emprops.queue.matching import Offer, WorkerOffers
from emprops.queue.messages import Claim, Finished, Ticket
from emprops.queue.transport import Settled
from emprops.queue.worker_link import WorkerLink

GOAL = 1.5
"""How many times the p99 of a claim from an empty queue that of a full one may be."""
OFFERS: WorkerOffers = {"noop": Offer()}
BLOCK = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    waiting: int
    users: int
    samples: int


FULL = Size(rounds=5, waiting=100_000, users=1_000, samples=1_000)
QUICK = Size(rounds=1, waiting=20_000, users=1_000, samples=200)


def tickets(count: int, users: int) -> list[Ticket]:
    """Make tickets of so many users, each user's one after the other."""
    return [ticket(user=f"user-{n * users // count}") for n in range(count)]


@dataclass(slots=True)
class World:
    """A queue whose depth stays as it is while a worker takes one ticket after the other."""

    queue: Queue
    link: WorkerLink
    users: int
    """Of whom one after the other, some apart, puts a ticket in."""
    number: int = 0
    held: Claim | None = None

    async def sample(self) -> float:
        """Put one in, take one; milliseconds of the call that ends the one before and claims."""
        self.number += 1
        await self.queue.enqueue([ticket(user=f"user-{self.number * 7 % self.users}")])
        ended = [Settled(self.held, Finished())] if self.held else []
        begun = time.perf_counter()
        [self.held] = (await self.link.turn(ended, 1, OFFERS)).claims
        return (time.perf_counter() - begun) * 1000


async def open_world(redis: Redis, prefix: str, waiting: int, users: int) -> World:
    queue = Queue(redis, prefix=prefix)
    await in_calls_of(BATCH, queue, tickets(waiting, users))
    world = World(queue, WorkerLink(redis, prefix=prefix, worker_id="bench"), users)
    await world.sample()
    return world


async def measure_claims(redis: Redis, size: Size) -> tuple[Rounds, Rounds]:
    """Claim from an empty and a full queue in turn. Milliseconds of both."""
    empty = await open_world(redis, "empty:", 0, size.users)
    full = await open_world(redis, "full:", size.waiting, size.users)
    found = await in_turn({"empty": empty.sample, "full": full.sample}, size.rounds, size.samples, BLOCK)
    await redis.flushall()
    return found["empty"], found["full"]


async def measure_drain(redis: Any, url: str, place: Path, size: Size, users: int) -> float:
    """Let one worker process empty the queue. Tickets a second."""
    await in_calls_of(BATCH, Queue(redis, prefix="drain:"), tickets(size.waiting, users))
    async with worker(url, "drain:", 200, place) as lent:
        begun = time.perf_counter()
        lent.tell("go")
        await until_drained(redis, "drain:")
        spent = time.perf_counter() - begun
    await check_drained(redis, "drain:", size.waiting)
    await redis.flushall()
    return size.waiting / spent


async def run(*, quick: bool) -> bool:
    """Measure and print. Tells whether the goal was met."""
    size = QUICK if quick else FULL
    with folder() as place, redis_in(place) as server:
        async with connect(server.url, max_connections=20) as redis:
            claims = await measure_claims(redis, size)
            drained: dict[int, list[float]] = {1: [], size.users: []}
            for _ in range(min(3, size.rounds)):
                for users, rates in drained.items():
                    rates.append(await measure_drain(redis, server.url, place, size, users))
    names = ("nothing waits", f"{size.waiting:,} of {size.users:,} users wait")
    high = [[p99(block) for block in found] for found in claims]
    rows = [
        [name, f"{middle(found, p50):.3f}", f"{middle(found, p99):.3f}"]
        for name, found in zip(names, claims, strict=True)
    ]
    print_table(f"Claim of one, ms; median of {size.rounds} rounds of {size.samples}", ["", "p50", "p99"], rows)
    print_table(
        "Drain by one worker process", ["", "a second"], [[f"{n:,} users", rate(rates)] for n, rates in drained.items()]
    )
    factor = median(ratios(high[1], high[0]))
    print(f"\n  p99 of “{names[1]}” / “{names[0]}”: {factor:.2f}, at most {GOAL}: {verdict(factor <= GOAL)}")
    return factor <= GOAL
