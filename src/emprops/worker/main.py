"""The worker process: opens everything a worker has, runs the loop, closes it again."""

import asyncio
import gc
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from emprops import __version__
from emprops.connectors.base import Connector
from emprops.connectors.registry import load_connectors, names_from_text
from emprops.kit import tracing
from emprops.kit.http import GuardedClient
from emprops.kit.logging import configure_logging
from emprops.kit.metrics import served
from emprops.kit.tasks import stop_tasks
from emprops.queue.registry import WorkerInfo
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.heart import Heart
from emprops.worker.lanes import Lanes, slots_from
from emprops.worker.line import Line, open_line
from emprops.worker.loop import Tools, WorkerLoop
from emprops.worker.metrics import LoopCollector, observe
from emprops.worker.offers import Survey, keep_showing, keep_surveying, survey

log = structlog.get_logger(__name__)


async def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT. Raises ``WorkerRefusedError`` when its server does not take its key."""
    configure_logging(settings)
    tracing.configure_tracing(settings, "worker")
    connectors = load_connectors(settings, names_from_text(settings.worker_connectors))
    by_job_type = serve(connectors, names_from_text(settings.worker_job_types))
    board = Board()
    http = GuardedClient(settings)
    try:
        now = await survey(by_job_type)
        async with open_line(settings, board) as line:
            configure_logging(settings, worker_id=line.worker_id)  # from now on it has a name
            await work(line, board, http, by_job_type, now)
    finally:
        for connector in connectors:
            await connector.close()
        await http.close()
        await asyncio.to_thread(tracing.stop_tracing)


@dataclass(slots=True)
class Presence:
    """The worker as the fleet sees it."""

    line: Line
    board: Board
    loop: WorkerLoop
    now: Survey
    """What its connectors last said."""
    started_at: int = field(default_factory=lambda: int(time.time() * 1000))
    """Unix milliseconds."""

    def surveyed(self, found: Survey) -> None:
        """Offer this from now on."""
        self.now = found
        self.loop.offer(found.offers)

    def describe(self) -> WorkerInfo:
        """Give the entry as of now. From any thread."""
        loop, held = self.loop, self.board.step_ids()
        return WorkerInfo(
            worker_id=self.line.worker_id,
            machine_id=self.line.machine_id,
            status="draining" if loop.draining else "paused" if loop.paused else "busy" if held else "idle",
            offers=self.now.offers,
            concurrency=loop.lanes.total,
            slots=dict(loop.lanes.own),
            current=held,
            started_at=self.started_at,
            counters=loop.counted(),
            connectors=dict(self.now.health),
            version=__version__,
        )


async def work(
    line: Line, board: Board, http: GuardedClient, by_job_type: Mapping[str, Connector], now: Survey
) -> None:
    """Work over an open line, for the connectors by job type, until SIGTERM or SIGINT."""
    settings = line.settings
    loop = _loop_for(line, board, http, by_job_type, now)
    presence = Presence(line, board, loop, now)
    heart = _heart_of(presence)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loop.stop)
    # what is loaded by now stays: the collector need not walk it again with every few hundred tickets
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    heart.start()
    log.info("worker ready", job_types=sorted(by_job_type), concurrency=loop.lanes.total)
    beside = [asyncio.create_task(keep_surveying(by_job_type, now, presence.surveyed), name="surveys")]
    if line.show is not None:
        beside.append(asyncio.create_task(keep_showing(lambda: presence.now, line.show), name="catalogues"))
    try:
        with served(settings.metrics_host, settings.worker_metrics_port, LoopCollector(loop)):
            await loop.run()
    finally:
        await stop_tasks(beside)
        await asyncio.to_thread(heart.stop)
        log.info("worker stopped")


def _loop_for(
    line: Line, board: Board, http: GuardedClient, by_job_type: Mapping[str, Connector], now: Survey
) -> WorkerLoop:
    settings = line.settings
    own = slots_from(settings.worker_concurrency_by_type, by_job_type)
    return WorkerLoop(
        link=line.link,
        board=board,
        connectors=by_job_type,
        lanes=Lanes(now.offers, shared=settings.worker_concurrency if by_job_type.keys() - own else 0, own=own),
        tools=Tools(storage=line.storage, http=http, settings=settings),
        grace=settings.worker_grace,
        heard=False,
        worker_id=line.worker_id,
        observe=observe if settings.worker_metrics_port else None,
    )


def _heart_of(presence: Presence) -> Heart:
    """Make the heartbeat, which speaks to the loop from its own thread."""
    line, loop, running = presence.line, presence.loop, asyncio.get_running_loop()
    return Heart(
        presence.board,
        line.keeper,
        line.member,
        presence.describe,
        lambda paused: running.call_soon_threadsafe(loop.pause, paused),
        lambda: running.call_soon_threadsafe(loop.stop),
        lease=line.settings.lease,
        progress_interval=line.settings.progress_interval,
    )


def serve(connectors: Sequence[Connector], wanted: Sequence[str] | None) -> Mapping[str, Connector]:
    """Map each job type to the connector that serves it, limited to ``wanted`` where given.

    Raises SystemExit with a sentence when nothing is left to serve.
    """
    table = {job_type: connector for connector in connectors for job_type in sorted(connector.job_types)}
    if wanted is not None:
        unknown = sorted(set(wanted) - set(table))
        if unknown:
            raise SystemExit(f"No connector here serves {', '.join(unknown)}; there are: {', '.join(sorted(table))}.")
        table = {job_type: table[job_type] for job_type in wanted}
    if not table:
        raise SystemExit("No connector is configured, so this worker could do nothing. See EMPROPS_WORKER_CONNECTORS.")
    return table
