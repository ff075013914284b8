"""The queue alone: how fast tickets go in and out, and whether its depth can be felt."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from redis.asyncio import Redis

from bench.engines import folder, redis_in
from bench.tables import p50, p99, print_table, rate, ratio, ratios, verdict
from emprops.kit.ids import new_id
from emprops.kit.redis import connect
from emprops.queue.claims import BATCH, Queue
from emprops.queue.keys import KEYS
from emprops.queue.messages import Requirements, Ticket, WorkflowContext

TRIVIAL = "return redis.call('INCR', 'bench:trivial')"
DRAIN_GOAL = 0.3
FLATNESS_GOAL = 1.5
KIB_FILLER = "x" * 620
"""Makes a ticket's encoding 1 KB."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rounds: int
    drained: int
    single: int
    samples: int
    deep: int = 100_000


FULL = Size(rounds=3, drained=100_000, single=2_000, samples=500)
QUICK = Size(rounds=1, drained=20_000, single=500, samples=100)


def ticket(*, priority: int = 50, model: str = "", **payload: Any) -> Ticket:
    """Make a ticket of 1 KB; with a model, one that the benchmark's worker cannot run."""
    return Ticket(
        id=str(new_id()),
        job_type="noop",
        payload={"filler": KIB_FILLER, **payload},
        requirements=Requirements(models=(model,) if model else ()),
        workflow_context=WorkflowContext(str(new_id()), priority, time.time_ns() // 1_000_000, 1, 1),
    )


class Worker:
    """The process of ``bench/probe.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid, self._commands, self._lines = process.pid, process.stdin, process.stdout

    def tell(self, command: str) -> None:
        self._commands.write(f"{command}\n".encode())

    async def line(self) -> str:
        async with asyncio.timeout(60):
            line = await self._lines.readline()
        if not line:
            raise RuntimeError("the worker process ended")
        return line.decode().strip()

    async def latency(self) -> float:
        """Wait for the next stamped ticket to begin; milliseconds since its stamp."""
        return int(await self.line()) / 1e6


@asynccontextmanager
async def worker(redis_url: str, prefix: str, concurrency: int, place: Path) -> AsyncIterator[Worker]:
    """Lend a worker process that waits for ``go``."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.probe", redis_url, prefix, str(concurrency), str(place)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        lent = Worker(process)
        assert await lent.line() == "ready"
        yield lent
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        await process.wait()


# --- throughput


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


async def in_calls_of(count: int, queue: Queue, tickets: Sequence[Ticket]) -> None:
    for start in range(0, len(tickets), count):
        await queue.enqueue(tickets[start : start + count])


async def measure_enqueueing(redis: Redis, rates: Rates, size: Size) -> None:
    """Measure the ways to put tickets in, and the limits of this client."""
    queue = Queue(redis, prefix="fill:")
    await queue.enqueue([ticket()])
    sha = await redis.script_load(TRIVIAL)
    many = size.single * 5
    await rates.of("limit one", size.single, lambda: evalsha_one_by_one(redis, sha, size.single))
    await rates.of("limit 100", size.drained, lambda: evalsha_by_hundreds(redis, sha, size.drained))
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
    async with worker(url, "drain:", 100, place) as lent:
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


# --- latency


@dataclass(slots=True)
class World:
    """One queue with its own prefix and worker, in a state that stays as it is while it is measured."""

    name: str
    queue: Queue
    worker: Worker
    held: bool
    """The worker has one slot, which is freed when the new ticket is in; else it is idle."""
    last_report: bytes | str = "$"

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


async def open_world(
    name: str, redis: Redis, url: str, place: Path, stack: AsyncExitStack, *, waiting: int, runnable: bool, held: bool
) -> World:
    """Fill a queue with ``waiting`` tickets that stay there, and bring its worker to where it can be measured."""
    prefix = f"world{len(name)}{waiting}{held:d}:"
    queue = Queue(redis, prefix=prefix)
    models = [""] if runnable else [f"absent-{number}" for number in range(100)]
    priority = 10 if runnable else 99
    await in_calls_of(BATCH, queue, [ticket(priority=priority, model=models[n % len(models)]) for n in range(waiting)])
    lent = await stack.enter_async_context(worker(url, prefix, 1 if held else 100, place))
    world = World(name, queue, lent, held, "0")
    await queue.enqueue([ticket(priority=90, held=held, stamp=time.monotonic_ns())] if held else [])
    lent.tell("go")
    if held:
        await lent.latency()
    return world


async def measure_latency(redis: Redis, url: str, place: Path, size: Size) -> dict[str, list[list[float]]]:
    """Sample all worlds in turn, in blocks short enough that they share the machine's moods."""
    async with AsyncExitStack() as stack:

        async def world(name: str, waiting: int, *, runnable: bool, held: bool) -> World:
            return await open_world(name, redis, url, place, stack, waiting=waiting, runnable=runnable, held=held)

        worlds = [
            await world("idle worker, nothing waits", 0, runnable=True, held=False),
            await world(f"idle worker, {size.deep:,} it cannot run before it", size.deep, runnable=False, held=False),
            await world("slot freed on submission, nothing else waits", 0, runnable=True, held=True),
            await world("slot freed on submission, 1,000 behind it", 1_000, runnable=True, held=True),
            await world(f"slot freed on submission, {size.deep:,} behind it", size.deep, runnable=True, held=True),
        ]
        for one in worlds:
            await one.sample()  # the first one goes with cold code
        found: dict[str, list[list[float]]] = {one.name: [] for one in worlds}
        for _ in range(2 * size.rounds - 1):
            for one in worlds:
                found[one.name].append([])
            for _ in range(0, size.samples, 50):
                for one in worlds:
                    found[one.name][-1] += [await one.sample() for _ in range(50)]
        return found


def print_latency(found: dict[str, list[list[float]]], size: Size) -> bool:
    high = {name: [p99(samples) for samples in rounds] for name, rounds in found.items()}
    rows = [[name, f"{median(map(p50, rounds)):.2f}", f"{median(high[name]):.2f}"] for name, rounds in found.items()]
    print_table(
        f"Submit → the ticket's body begins, ms; median of {2 * size.rounds - 1} rounds of {size.samples}",
        ["", "p50", "p99"],
        rows,
    )
    empty, unrunnable, _, shallow, deep = high
    passed = True
    print()
    for name, base in ((deep, shallow), (unrunnable, empty)):
        factor = median(ratios(high[name], high[base]))
        passed &= factor <= FLATNESS_GOAL
        print(f"  p99, {name} / {base}: {factor:.2f}, at most {FLATNESS_GOAL}: {verdict(factor <= FLATNESS_GOAL)}")
    return passed


async def run(*, quick: bool) -> bool:
    """Measure and print. Tells whether the goals were met."""
    size = QUICK if quick else FULL
    with folder() as place, redis_in(place) as server:
        async with connect(server.url, max_connections=100) as redis:
            rates = Rates()
            costs: list[list[float]] = []
            for _ in range(size.rounds):
                await measure_enqueueing(redis, rates, size)
                costs.append(await measure_drain(redis, server.process.pid, server.url, place, rates, size))
            fast = print_throughput(rates, costs, size)
            return print_latency(await measure_latency(redis, server.url, place, size), size) and fast
