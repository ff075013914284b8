"""``python -m bench.race [--quick]``: whole cycles next to a home-made stack, the queue next to BullMQ.

Both take turns in each round, on the same engines; only ratios of one run mean something.
"""

import argparse
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median

import psutil
import uvloop
from redis.asyncio import Redis

from bench.caller import Caller
from bench.engines import both_in, folder, redis_in
from bench.parts import queue as tickets
from bench.parts.cycles import PATIENCE, Bench, Way, cpu_of, prepared, shared, with_children
from bench.race.peers import bullmq, homemade, install_bullmq
from bench.tables import print_table, rate, ratio, ratios
from emprops.kit.pubsub import Pokes
from emprops.kit.redis import connect

WAYS = (Way(1), Way(32))
Found = dict[str, list[float]]


async def homemade_cycle(caller: Caller, pokes: Pokes) -> float:
    """Run one job of the home-made stack to its end, and read it; seconds."""
    begun = time.perf_counter()
    job = str((await caller.call("POST", "/generate", {"variables": {"prompt": "a bench"}}))["id"])
    with pokes.listen(job) as poke:
        found = await caller.call("GET", f"/jobs/{job}")
        while found["status"] != "completed":
            if not await poke.wait(PATIENCE):
                raise RuntimeError(f"a job of the home-made stack did not end within {PATIENCE:g} s")
            found = await caller.call("GET", f"/jobs/{job}")
    return time.perf_counter() - begun


async def race_cycles(rounds: int, jobs: dict[int, int]) -> None:
    """Measure and print whole cycles."""
    rates: dict[tuple[str, Way], list[float]] = {}
    delays: dict[tuple[str, Way], list[float]] = {}
    costs: dict[tuple[str, Way], list[float]] = {}

    async def lap(name: str, way: Way, pids: list[int], work: Sequence[Callable[[], Awaitable[float]]]) -> None:
        spent = total_cpu(pids)
        per_second, seconds = await shared(jobs[way.in_flight], work)
        rates.setdefault((name, way), []).append(per_second)
        delays.setdefault((name, way), []).append(1e3 * median(seconds))
        costs.setdefault((name, way), []).append(1e3 * (total_cpu(pids) - spent) / jobs[way.in_flight])

    with folder() as place, both_in(place) as (postgres, redis):
        async with AsyncExitStack() as stack:
            ours: Bench = await stack.enter_async_context(prepared(place, postgres, redis))
            port, peers = await stack.enter_async_context(homemade(place, postgres.url, redis.url))
            pokes = await stack.enter_async_context(Pokes(redis.url, "homemade:ended"))
            engines = [postgres.process.pid, redis.process.pid]
            for number in range(rounds + 1):
                for way in WAYS:
                    callers = [await Caller.connect(ours.port, ours.user) for _ in range(way.in_flight)]
                    others = [await Caller.connect(port, ours.user) for _ in range(way.in_flight)]
                    theirs = [partial(homemade_cycle, one, pokes) for one in others]
                    await lap("ours", way, [*ours.pids.values()], [ours.cycle(one, way) for one in callers])
                    await lap("home-made", way, [*peers.values(), *engines], theirs)
                    for caller in (*callers, *others):
                        caller.close()
                if not number:  # the first round is for warming up
                    for found in (rates, delays, costs):
                        found.clear()
    print_table(
        f"Start of a job → seen completed; median of {rounds} rounds",
        ["", "ours, a second", "home-made", "ratio", "ours, p50 ms", "home-made", "ours, CPU ms", "home-made"],
        [
            [
                str(way),
                rate(rates["ours", way]),
                rate(rates["home-made", way]),
                ratio(rates["ours", way], rates["home-made", way]),
                *(f"{median(found[name, way]):.1f}" for found in (delays, costs) for name in ("ours", "home-made")),
            ]
            for way in WAYS
        ],
    )


def total_cpu(pids: list[int]) -> float:
    """Return the processor time used so far by processes with their children; seconds."""
    return sum(cpu_of(process) for pid in pids for process in with_children(pid))


async def race_queue(modules: Path, rounds: int, size: tickets.Size) -> None:
    """Measure and print the queue alone."""
    rates, theirs = tickets.Rates(), Found()
    for _ in range(rounds):
        with folder() as place, redis_in(place) as server:
            async with connect(server.url, max_connections=100) as redis:
                await tickets.measure_enqueueing(redis, rates, size)
                await tickets.measure_drain(redis, server.process.pid, server.url, place, rates, size)
            async with Redis.from_url(server.url) as plain:
                await plain.flushall()
            for name, value in bullmq(modules, server.url.removeprefix("unix://"), size.drained).items():
                theirs.setdefault(name, []).append(value)
    names = {
        "one": "enqueue, one at a time",
        "100 callers": "enqueue, 100 callers at once",
        "500 a call": "enqueue, 500 in a call",
        "drain": f"drain of {size.drained:,} by one worker process",
    }
    print_table(
        f"Jobs of 1 KB a second; median of {rounds} rounds",
        ["", "ours", "BullMQ", "ratio"],
        [
            [text, rate(rates[name]), rate(theirs[name]), f"{median(ratios(rates[name], theirs[name])):.2f}"]
            for name, text in names.items()
        ],
    )


async def main(*, quick: bool) -> None:
    rounds, jobs = (1, {1: 50, 32: 400}) if quick else (3, {1: 200, 32: 2000})
    await race_cycles(rounds, jobs)
    modules = install_bullmq()
    if modules is None:
        print("\nNode and npm are not installed: the queue did not run next to BullMQ.")
        return
    await race_queue(modules, rounds, tickets.QUICK if quick else tickets.FULL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.race", description="Ratios of one run.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and jobs")
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
    uvloop.run(main(quick=parser.parse_args().quick))
