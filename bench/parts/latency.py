"""From submission to the worker, with much and little in the queue: its depth must not be felt."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from redis.asyncio import Redis

from bench.process import Worker, worker
from bench.rounds import Rounds, in_turn, middle
from bench.tables import p50, p99, print_table, ratios, verdict
from bench.tickets import in_calls_of, ticket
from emprops.queue.dispatch import BATCH, Queue
from emprops.queue.keys import KEYS

GOAL = 1.5
"""How many times the p99 of an empty or shallow queue that of a deep one may be."""
DEEP = 100_000
BLOCK = 50


@dataclass(slots=True)
class World:
    """One queue with its own prefix and worker, in a state that stays as it is while it is measured."""

    queue: Queue
    worker: Worker
    held: bool
    """The worker has one slot, which is freed when the new ticket is in; else it is idle."""
    last_report: bytes | str = "0"

    async def sample(self) -> float:
        """Submit one ticket; milliseconds from before that call until the ticket's body begins in the worker."""
        if self.held:
            await self.queue.enqueue([ticket(priority=90, held=True, stamp=time.monotonic_ns())])
            self.worker.tell("release")
            return await self.worker.latency()
        reports = f"{self.queue.prefix}{KEYS.reports}"
        await self.queue.enqueue([ticket(priority=90, stamp=time.monotonic_ns())])
        latency = await self.worker.latency()
        while True:  # the call that reports the end is the one with which the worker goes idle
            [[_, entries]] = await self.queue.redis.xread({reports: self.last_report}, block=4_000)
            self.last_report = entries[-1][0]
            if any(b'{"kind":"completed"' in fields[b"r"] for _, fields in entries):
                return latency


@dataclass(frozen=True, slots=True)
class Setting:
    """What a world is like before it is measured."""

    name: str
    waiting: int
    runnable: bool
    held: bool


EMPTY = Setting("idle worker, nothing waits", 0, runnable=True, held=False)
BLOCKED = Setting(f"idle worker, {DEEP:,} it cannot run before it", DEEP, runnable=False, held=False)
ALONE = Setting("slot freed on submission, nothing else waits", 0, runnable=True, held=True)
SHALLOW = Setting("slot freed on submission, 1,000 behind it", 1_000, runnable=True, held=True)
CROWDED = Setting(f"slot freed on submission, {DEEP:,} behind it", DEEP, runnable=True, held=True)
SETTINGS = (EMPTY, BLOCKED, ALONE, SHALLOW, CROWDED)
COMPARED = ((CROWDED, SHALLOW), (BLOCKED, EMPTY))


async def open_world(
    setting: Setting, prefix: str, redis: Redis, url: str, place: Path, stack: AsyncExitStack
) -> World:
    """Fill a queue with tickets that stay there, and bring its worker to where it can be measured."""
    queue, held = Queue(redis, prefix=prefix), setting.held
    models = [""] if setting.runnable else [f"absent-{number}" for number in range(100)]
    priority = 10 if setting.runnable else 99
    filling = [ticket(priority=priority, model=models[n % len(models)]) for n in range(setting.waiting)]
    await in_calls_of(BATCH, queue, filling)
    if held:
        await queue.enqueue([ticket(priority=90, held=True, stamp=time.monotonic_ns())])
    lent = await stack.enter_async_context(worker(url, prefix, 1 if held else 100, place))
    lent.tell("go")
    if held:
        await lent.latency()
    world = World(queue, lent, held)
    await world.sample()  # the first one goes with cold code
    return world


Latencies = dict[Setting, Rounds]
"""Milliseconds: samples of each round."""


async def measure_latency(redis: Redis, url: str, place: Path, rounds: int, samples: int) -> Latencies:
    """Sample all worlds in turn."""
    async with AsyncExitStack() as stack:
        worlds = {
            setting: await open_world(setting, f"world{number}:", redis, url, place, stack)
            for number, setting in enumerate(SETTINGS)
        }
        return await in_turn({setting: world.sample for setting, world in worlds.items()}, rounds, samples, BLOCK)


def print_latency(found: Latencies) -> bool:
    """Print what was found. Tells whether depth stayed without effect."""
    high = {setting: [p99(block) for block in blocks] for setting, blocks in found.items()}
    rows = [
        [setting.name, f"{middle(blocks, p50):.2f}", f"{middle(blocks, p99):.2f}"] for setting, blocks in found.items()
    ]
    rounds, samples = len(found[EMPTY]), len(found[EMPTY][0])
    title = f"Submit → the ticket's body begins, ms; median of {rounds} rounds of {samples}"
    print_table(title, ["", "p50", "p99"], rows)
    print()
    flat = True
    for deep, base in COMPARED:
        factor = median(ratios(high[deep], high[base]))
        flat &= factor <= GOAL
        print(f"  p99 of “{deep.name}” / “{base.name}”: {factor:.2f}, at most {GOAL}: {verdict(factor <= GOAL)}")
    return flat
