"""The queue alone: how fast tickets go in and out, and whether its depth can be felt."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from redis.asyncio import Redis

from bench.engines import folder, redis_in
from bench.parts.latency import measure_latency, print_latency
from bench.process import worker
from bench.tables import print_table, rate, ratio, ratios, verdict
from bench.tickets import in_calls_of, ticket
from emprops.kit.redis import connect
from emprops.queue.dispatch import BATCH, Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Ticket

TRIVIAL = "return redis.call('INCR', 'bench:trivial')"
DRAIN_GOAL = 0.17
"""Share of the limit: 20,000 tickets a second where pipelined calls reach about 115,000."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    drained: int
    single: int
    latency_rounds: int
    samples: int


FULL = Size(rounds=3, drained=100_000, single=2_000, latency_rounds=5, samples=500)
QUICK = Size(rounds=1, drained=20_000, single=500, latency_rounds=1, samples=100)


@dataclass(slots=True)
class Rates:
    """Figures by name, one per round."""

    by_name: dict[str, list[float]] = field(default_factory=dict)

    async def of(self, name: str, count: int, work: Callable[[], Awaitable[object]]) -> None:
        """Do some work and note how many a second that was."""
        begun = time.perf_counter()
        await work()
        self.by_name.setdefault(name, []).append(count / (time.perf_counter() - begun))

    def __getitem__(self, name: str) -> list[float]:
        return self.by_name[name]


async def evalsha_one_by_one(redis: Any, sha: str, count: int) -> None:
    for _ in range(count):
        await redis.evalsha(sha, 0)


async def evalsha_by_hundreds(redis: Any, sha: str, count: int) -> None:
    for _ in range(count // 100):
        pipe = redis.pipeline(transaction=False)
        for _ in range(100):
            pipe.evalsha(sha, 0)
        await pipe.execute()


async def one_by_one(queue: Queue, tickets: Sequence[Ticket]) -> None:
    for one in tickets:
        await queue.enqueue([one])


async def callers_at_once(queue: Queue, tickets: Sequence[Ticket]) -> None:
    for start in range(0, len(tickets), 100):
        await asyncio.gather(*(queue.enqueue([one]) for one in tickets[start : start + 100]))


async def measure_limits(url: str, rates: Rates, size: Size) -> None:
    """Measure what a script call costs that does next to nothing, with the client as its makers ship it."""
    async with Redis.from_url(url) as plain:
        sha, count = await plain.script_load(TRIVIAL), 25 * size.single
        await rates.of("limit one", size.single, lambda: evalsha_one_by_one(plain, sha, size.single))
        await rates.of("limit 100", count, lambda: evalsha_by_hundreds(plain, sha, count))


async def measure_enqueueing(redis: Redis, rates: Rates, size: Size) -> None:
    """Measure the ways to put tickets in."""
    queue = Queue(redis, prefix="fill:")
    await queue.enqueue([ticket()])
    many = size.single * 5
    tickets = [ticket() for _ in range(size.single)]
    await rates.of("one", size.single, lambda: one_by_one(queue, tickets))
    tickets = [ticket() for _ in range(many)]
    await rates.of("100 callers", many, lambda: callers_at_once(queue, tickets))
    tickets = [ticket() for _ in range(many)]
    await rates.of("100 a call", many, lambda: in_calls_of(100, queue, tickets))
    tickets = [ticket() for _ in range(many)]
    await rates.of("500 a call", many, lambda: in_calls_of(BATCH, queue, tickets))
    await redis.flushall()


COSTS = ("worker CPU, µs", "Redis CPU, µs", "of that in scripts", "Redis commands", "script calls")
"""What one drained ticket costs. Commands are those inside scripts too."""


async def measure_drain(redis: Any, redis_pid: int, url: str, place: Path, rates: Rates, size: Size) -> list[float]:
    """Fill the queue, then let one worker process empty it. Raises if a ticket did not end exactly once."""
    queue = Queue(redis, prefix="drain:")
    await in_calls_of(BATCH, queue, [ticket() for _ in range(size.drained)])
    async with worker(url, "drain:", 200, place) as lent:
        processes = [psutil.Process(pid) for pid in (lent.pid, redis_pid)]
        await redis.config_resetstat()
        before = [sum(process.cpu_times()[:2]) for process in processes]
        lent.tell("go")
        await rates.of("drain", size.drained, lambda: until_drained(redis, "drain:"))
        seconds = [sum(process.cpu_times()[:2]) - spent for process, spent in zip(processes, before, strict=True)]
        stats = await redis.info("commandstats")
    await check_drained(redis, "drain:", size.drained)
    await redis.flushall()
    scripts = stats.pop("cmdstat_evalsha")
    commands = sum(command["calls"] for command in stats.values())
    costs = [*(1e6 * spent for spent in seconds), scripts["usec"], commands, scripts["calls"]]
    return [total / size.drained for total in costs]


async def until_drained(redis: Any, prefix: str) -> None:
    """Return when nothing waits and nothing is claimed. Looks 20 times a second, which costs nothing worth a name."""
    signature = (await redis.zrange(prefix + KEYS.sigs, 0, 0))[0].decode()
    wait, leases = f"{prefix}{KEYS.wait}{signature}", prefix + KEYS.leases
    async with asyncio.timeout(120):
        while await redis.zcard(wait) or await redis.zcard(leases):  # noqa: ASYNC110 -- another process empties them
            await asyncio.sleep(0.05)


async def check_drained(redis: Any, prefix: str, count: int) -> None:
    ended: list[bytes] = []
    for _, fields in await redis.xrange(prefix + KEYS.reports):
        ended += (line for line in fields[b"r"].split(b"\n") if line.startswith(b'{"kind":"completed"'))
    if len(ended) != count or len({line.split(b'"', 8)[7] for line in ended}) != count:
        raise RuntimeError(f"{len(ended)} of {count} tickets completed")


def print_throughput(rates: Rates, costs: Sequence[Sequence[float]], size: Size) -> bool:
    rows = [
        ("limit: EVALSHA of one INCR, one at a time", "limit one", "limit one"),
        ("limit: the same, pipelines of 100", "limit 100", "limit 100"),
        ("enqueue, one at a time", "one", "limit one"),
        ("enqueue, 100 callers at once", "100 callers", "limit 100"),
        ("enqueue, 100 in a call", "100 a call", "limit 100"),
        ("enqueue, 500 in a call", "500 a call", "limit 100"),
        (f"drain of {size.drained:,} by one worker process", "drain", "limit 100"),
    ]
    print_table(
        f"Tickets of 1 KB a second; median of {size.rounds} rounds",
        ["", "a second", "of limit"],
        [[text, rate(rates[name]), ratio(rates[name], rates[limit])] for text, name, limit in rows],
    )
    medians = [f"{median(values):.2f}" for values in zip(*costs, strict=True)]
    print_table("One drained ticket costs", COSTS, [medians])
    passed = median(ratios(rates["drain"], rates["limit 100"])) >= DRAIN_GOAL
    print(f"\n  drain at least {DRAIN_GOAL} of the limit: {verdict(passed)}")
    return passed


async def run(*, quick: bool) -> bool:
    """Measure and print. Tells whether the goals were met."""
    size = QUICK if quick else FULL
    with folder() as place, redis_in(place) as server:
        async with connect(server.url, max_connections=100) as redis:
            rates = Rates()
            costs: list[list[float]] = []
            for _ in range(size.rounds):
                await measure_limits(server.url, rates, size)
                await measure_enqueueing(redis, rates, size)
                costs.append(await measure_drain(redis, server.process.pid, server.url, place, rates, size))
            fast = print_throughput(rates, costs, size)
            found = await measure_latency(redis, server.url, place, size.latency_rounds, size.samples)
            return print_latency(found) and fast
