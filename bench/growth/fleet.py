"""A process that is many workers, each with a loop and one slot. Steered as ``bench/probe.py`` is, but for ``release``.

A process of its own announces them, as each worker's thread does, so that it takes no time from the loops.
"""

import argparse
import asyncio
import logging
import multiprocessing
import time
from pathlib import Path

import structlog
import uvloop
from redis import Redis as SyncRedis

from bench.probe import OFFERS, Probe, loop_over, standard_input, tools_in
from emprops.kit.redis import connect
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.worker_link import WorkerLink
from emprops.worker.heartbeat import ANNOUNCE_INTERVAL, MACHINE_INTERVAL
from emprops.worker.loop import WorkerLoop


def announce(redis_url: str, prefix: str, ids: list[str]) -> None:
    """Write the entry of each worker as often as a worker does, evenly over the time. Never returns."""
    machine_rounds = int(MACHINE_INTERVAL // ANNOUNCE_INTERVAL)
    member, number = FleetMember(SyncRedis.from_url(redis_url), prefix), 0
    next_at = time.monotonic()
    while True:
        turn, which = divmod(number, len(ids))
        info = WorkerInfo(ids[which], f"machine-{which}", "idle", OFFERS, 1)
        member.announce(info)
        if turn % machine_rounds == 0:
            member.announce_machine(info, 0)
        number += 1
        next_at += ANNOUNCE_INTERVAL / len(ids)
        time.sleep(max(0.0, next_at - time.monotonic()))


async def begin(loop: WorkerLoop, part: float) -> None:
    """Run a loop after so much of the time between two looks, so that the loops do not all look at the same moment."""
    await asyncio.sleep(part * loop.link.poll)
    await loop.run()


async def main(redis_url: str, prefix: str, workers: int, folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    probe, tools = Probe(), tools_in(folder)
    redis = connect(redis_url, max_connections=2 * workers + 10)
    ids = [f"bench-{number}" for number in range(workers)]
    links = [WorkerLink(redis, prefix=prefix, worker_id=worker_id) for worker_id in ids]
    loops = [loop_over(link, probe, 1, tools) for link in links]
    context = multiprocessing.get_context("spawn")
    announcing = context.Process(target=announce, args=(redis_url, prefix, ids), daemon=True)
    announcing.start()
    commands = await standard_input()
    await redis.ping()
    print("ready", flush=True)
    working: list[asyncio.Task[None]] = []
    async for line in commands:
        if line == b"go\n":
            working = [asyncio.create_task(begin(loop, n / workers)) for n, loop in enumerate(loops)]
    announcing.terminate()
    for loop in loops:
        loop.stop()
    await asyncio.gather(*working)
    await tools.http.close()
    await redis.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("redis_url")
    parser.add_argument("prefix")
    parser.add_argument("workers", type=int)
    parser.add_argument("folder", type=Path)
    uvloop.run(main(**vars(parser.parse_args())))
