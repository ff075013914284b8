"""A day with 1,000 users, 6 models and 8 workers: who waits for how long, in turns and first in, first out.

The queue is the real one, with its scripts on a simulated clock: it decides who is woken, what a worker gets, and what
is kept for workers with warm models. Simulated are the users, the time that workers take to load models and to run
jobs, and their signs of life. All jobs have one step and the same priority, nothing fails, and no quota holds anything
back.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.day.fleet import WORKERS, Fleet, Record, first_in_first_out
from bench.day.load import KINDS, MODELS, OCCASIONAL, Job, Kind, day
from bench.engines import folder, redis_in
from bench.tables import p50, p99, print_table, verdict
from emprops.kit.redis import connect

WAIT_GOAL = 0.2
"""Share of the p99 wait first in, first out that occasional users may wait in turns."""
LOADS_GOAL = 1.5
"""How many times as many models may be loaded."""


SEEDS = (1, 2, 3)
"""Of the days; a quick run has the first alone."""
DEPTHS = {"fewer than 10": range(10), "10 to 999": range(10, 1_000), "1,000 or more": range(1_000, 10**9)}
"""Jobs that wait while a worker asks."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, served in both ways."""

    jobs: Sequence[Job]
    turns: Record
    fifo: Record

    def waits(self, kind: Kind, record: Record) -> list[float]:
        return [record.waits[job.number] for job in self.jobs if job.kind is kind]


async def replay(url: str, seed: int, hours: tuple[int, int] = (0, 24)) -> Day:
    """Replay a day in both ways."""
    bursts = day(seed, hours)
    async with connect(url, max_connections=20) as redis:
        turns = await Fleet(redis, f"day-{seed}:", bursts).run()
        await redis.flushall()
    jobs = [job for burst in bursts for job in burst]
    if len(turns.waits) != len(jobs):
        raise RuntimeError(f"{len(turns.waits)} of {len(jobs)} jobs were run")
    return Day(jobs, turns, first_in_first_out(bursts))


def print_waits(days: Sequence[Day]) -> float:
    """Print how long users wait; the ratio for occasional ones."""
    rows, ratios = [], {}
    for kind in KINDS:
        turns = [wait for one in days for wait in one.waits(kind, one.turns)]
        fifo = [wait for one in days for wait in one.waits(kind, one.fifo)]
        ratios[kind] = p99(turns) / p99(fifo)
        figures = [f"{value:,.0f}" for value in (p50(turns), p50(fifo), p99(turns), p99(fifo))]
        rows.append([f"{kind.users} {kind.name}", f"{len(turns):,}", *figures, f"{ratios[kind]:.2f}"])
    print_table(
        "Seconds from sending a job until its work begins",
        ["users", "jobs", "p50 turns", "FIFO", "p99 turns", "FIFO", "turns / FIFO"],
        rows,
    )
    return ratios[OCCASIONAL]


def print_whole(days: Sequence[Day]) -> float:
    """Print what both ways cost the workers; the ratio of model loads."""
    loads = [sum(one.turns.loads for one in days), sum(one.fifo.loads for one in days)]
    most = [max(one.turns.most_waiting for one in days), max(one.fifo.most_waiting for one in days)]
    rows = [("model loads", loads[0], loads[1]), ("most jobs waiting", most[0], most[1])]
    print_table(
        "Both ways",
        ["", "turns", "FIFO", "turns / FIFO"],
        [[name, f"{turns:,}", f"{fifo:,}", f"{turns / fifo:.2f}"] for name, turns, fifo in rows],
    )
    return loads[0] / loads[1]


def print_costs(days: Sequence[Day]) -> None:
    """Print what a claim costs Redis, by how much was waiting."""
    rows = []
    for name, depths in DEPTHS.items():
        spent = [cost for one in days for depth, cost in one.turns.costs if depth in depths]
        rows.append([name, f"{len(spent):,}", *(f"{f(spent):.0f}" if len(spent) > 1 else "" for f in (p50, p99))])
    print_table(
        "A worker's call that reports a job and claims the next, µs of Redis",
        ["jobs waiting", "calls", "p50", "p99"],
        rows,
    )


async def run(*, quick: bool) -> bool:
    """Replay and print. Tells whether the goals were met."""
    begun = time.perf_counter()
    with folder() as place, redis_in(place) as server:
        days = [await replay(server.url, seed) for seed in (SEEDS[:1] if quick else SEEDS)]
    spent = time.perf_counter() - begun
    print(f"\nDays replayed in {spent:.0f} s: {len(days)}; {len(MODELS)} models, {WORKERS} workers")
    wait, loads = print_waits(days), print_whole(days)
    print_costs(days)
    short, few = wait <= WAIT_GOAL, loads <= LOADS_GOAL
    print(f"\n  p99 of occasional users, turns / FIFO: {wait:.2f}, at most {WAIT_GOAL}: {verdict(short)}")
    print(f"  model loads, turns / FIFO: {loads:.2f}, at most {LOADS_GOAL}: {verdict(few)}")
    return short and few
