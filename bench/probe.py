"""The worker process of the queue benchmark: the real loop over a connector that only notes when it began.

Standard input steers it: ``go`` starts the loop, ``release`` ends one held ticket, the end of input stops it.
Standard output carries ``ready``, then one line per stamped ticket: nanoseconds from its stamp to its body.
"""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import ClassVar

import structlog
import uvloop
from redis import Redis as SyncRedis

from emprops.connectors.base import Capabilities, Health, Outcome, Produced, RunContext
from emprops.kit.memory import settle
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.redis import connect
from emprops.media.storage import FolderStorage
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.matching import Offer, WorkerOffers
from emprops.queue.messages import Ticket
from emprops.queue.worker_link import RedisHeartbeat, WorkerLink
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.heartbeat import HeartbeatThread
from emprops.worker.lanes import Lanes
from emprops.worker.loop import WorkerLoop
from emprops.worker.runs import Tools

OFFERS: WorkerOffers = {"noop": Offer(models=frozenset())}
RESULT = Outcome([Produced("result.txt", "text/plain", b"")])


class Nowhere(FolderStorage):
    """Forgets what it is given, so that no disk is measured."""

    async def put_bytes(self, key: str, content: bytes, mime_type: str) -> None:
        """Store nothing."""


class Probe:
    """Job type ``noop``: ends at once with a result that goes :class:`Nowhere`: only queue and loop are measured.

    The connector ``noop`` answers with data, which the worker stores as a file: see ``bench/parts/cycles.py``.
    """

    name: ClassVar[str] = "probe"

    def __init__(self) -> None:
        self.job_types = frozenset({"noop"})
        self.released = asyncio.Semaphore(0)

    async def check(self) -> Health:
        return Health(ok=True)

    async def capabilities(self) -> Capabilities:
        return Capabilities(models=())

    async def run(self, ticket: Ticket, context: RunContext) -> Outcome:
        del context
        stamp = ticket.payload.get("stamp")
        if stamp is not None:
            print(time.monotonic_ns() - stamp, flush=True)
        if "held" in ticket.payload:
            await self.released.acquire()
        return RESULT

    async def close(self) -> None:
        """Nothing to give back."""


async def standard_input() -> asyncio.StreamReader:
    """Open what this process is told."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    return commands


def tools_in(folder: Path) -> Tools:
    """Return what runs need."""
    settings = Settings(mode="test", data_dir=folder)
    return Tools(Nowhere(settings.files_dir), GuardedClient(settings), settings)


def loop_over(link: WorkerLink, probe: Probe, concurrency: int, tools: Tools) -> WorkerLoop:
    """Make a worker's loop whose only connector is the probe."""
    return WorkerLoop(
        link=link,
        board=Board(),
        connectors={"noop": probe},
        lanes=Lanes(OFFERS, shared=concurrency),
        tools=tools,
        grace=0.0,
    )


async def main(redis_url: str, prefix: str, concurrency: int, folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    probe, tools, worker_id = Probe(), tools_in(folder), f"bench-{prefix.rstrip(':')}"
    redis, sync_redis = connect(redis_url), SyncRedis.from_url(redis_url)
    loop = loop_over(WorkerLink(redis, prefix=prefix, worker_id=worker_id), probe, concurrency, tools)
    board, settings = loop.board, tools.settings
    heartbeat = HeartbeatThread(
        board,
        RedisHeartbeat(sync_redis, prefix=prefix, worker_id=worker_id, machine_id="bench", lease=settings.lease),
        FleetMember(sync_redis, prefix),
        lambda: WorkerInfo(worker_id, "bench", "busy", OFFERS, concurrency, board.step_ids()),
        lambda _: None,
        loop.stop,
        lease=settings.lease,
        progress_interval=settings.progress_interval,
    )
    commands = await standard_input()
    await redis.ping()
    heartbeat.start()
    settle()
    print("ready", flush=True)
    working: asyncio.Task[None] | None = None
    async for line in commands:
        if line == b"go\n":
            working = asyncio.create_task(loop.run())
        elif line == b"release\n":
            probe.released.release()
    loop.stop()
    if working is not None:
        await working
    await asyncio.to_thread(heartbeat.stop)
    await tools.http.close()
    await redis.aclose()
    sync_redis.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("redis_url")
    parser.add_argument("prefix")
    parser.add_argument("concurrency", type=int)
    parser.add_argument("folder", type=Path)
    uvloop.run(main(**vars(parser.parse_args())))
