"""The worker process: opens everything a worker has, runs the loop, closes it again."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from emprops.connectors.base import Connector
from emprops.connectors.registry import load_connectors, names_from_text
from emprops.kit.memory import settle
from emprops.kit.nearest import did_you_mean
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.tls import trusted
from emprops.kit.scratch import scratch_folder
from emprops.kit.storage import Storage
from emprops.kit.tasks import stop_tasks
from emprops.kit.telemetry import tracing
from emprops.kit.telemetry.logging import configure_logging
from emprops.kit.telemetry.metrics import served
from emprops.queue.bounds import MAX_JOB_TYPES
from emprops.queue.matching import WorkerOffers
from emprops.settings import Settings, SettingsError
from emprops.worker.board import Board
from emprops.worker.connection import Connection, open_connection
from emprops.worker.ending import CLOSING_TIME, close_all, heeding_signals, in_thread
from emprops.worker.heartbeat import HeartbeatThread
from emprops.worker.lanes import Lanes, slots_from
from emprops.worker.loop import WorkerLoop, pause_after
from emprops.worker.metrics import LoopCollector, observe
from emprops.worker.offers import Surveyor, keep_showing
from emprops.worker.presence import Presence
from emprops.worker.runs import Tools

log = structlog.get_logger(__name__)


async def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT. Raises ``WorkerRefusedError`` when its server does not take its key."""
    configure_logging(settings)
    tracing.configure_tracing(settings, "worker")
    trusted()  # a wrong SSL_CERT_FILE is to be known now, not when the first file is fetched
    connectors = load_connectors(settings, names_from_text(settings.worker_connectors))
    by_job_type = serve(connectors, names_from_text(settings.worker_job_types))
    surveyor = Surveyor(by_job_type, [connector for connector in connectors if not connector.job_types])
    board = Board()
    http = GuardedClient(settings)
    try:
        await surveyor.ask()
        with scratch_folder("emprops-worker-") as folder:
            async with open_connection(settings, board) as connection:
                configure_logging(settings, worker_id=connection.worker_id)  # from now on it has a name
                await until_it_works(connection.storage)
                tools = Tools(storage=connection.storage, http=http, settings=connection.settings, folder=folder)
                await work(connection, board, tools, by_job_type, surveyor)
    finally:
        await close_all({connector.name: connector.close for connector in connectors} | {"http": http.close})
        await in_thread(tracing.stop_tracing)


async def work(
    connection: Connection, board: Board, tools: Tools, by_job_type: Mapping[str, Connector], surveyor: Surveyor
) -> None:
    """Work over an open connection, for the connectors by job type, until SIGTERM or SIGINT."""
    settings = connection.settings
    loop = _loop_for(connection, board, tools, by_job_type, surveyor.survey.offers)
    presence = Presence(connection, board, loop, surveyor.survey)
    heartbeat = _heartbeat_of(presence)
    settle()
    heartbeat.start()
    tasks = [asyncio.create_task(surveyor.keep_asking(presence.surveyed), name="surveys")]
    if connection.show is not None:
        tasks.append(asyncio.create_task(keep_showing(lambda: presence.now, connection.show), name="catalogues"))
    metrics = served(
        settings.metrics_host,
        settings.worker_metrics_port,
        LoopCollector(presence),
        readiness=presence.readiness,
    )
    try:
        with metrics, heeding_signals(loop.stop, lambda: loop.draining, loop.grace):
            await loop.run()
    finally:
        await stop_tasks(tasks)
        await in_thread(heartbeat.stop, 2 * CLOSING_TIME)
        log.info("worker stopped")


async def until_it_works(storage: Storage) -> None:
    """Return when storage has been used with success: a step whose result cannot be stored must not be begun."""
    failures = 0
    while True:
        try:
            await storage.check()
        except OSError as error:
            failures += 1
            log.warning("storage unusable", error=str(error))
            await asyncio.sleep(pause_after(failures))
        else:
            return


def _loop_for(
    connection: Connection, board: Board, tools: Tools, by_job_type: Mapping[str, Connector], offers: WorkerOffers
) -> WorkerLoop:
    settings = connection.settings
    own = slots_from(settings.worker_concurrency_by_type, by_job_type)
    return WorkerLoop(
        link=connection.link,
        board=board,
        connectors=by_job_type,
        lanes=Lanes(offers, shared=settings.worker_concurrency if by_job_type.keys() - own else 0, own=own),
        tools=tools,
        grace=settings.worker_grace,
        heard=False,
        worker_id=connection.worker_id,
        observe=observe if settings.worker_metrics_port else None,
    )


def _heartbeat_of(presence: Presence) -> HeartbeatThread:
    """Make the heartbeat, which speaks to the loop from its own thread."""
    connection, loop, running = presence.connection, presence.loop, asyncio.get_running_loop()
    return HeartbeatThread(
        presence.board,
        connection.heartbeat,
        connection.member,
        presence.describe,
        lambda paused: running.call_soon_threadsafe(presence.heard, paused),
        lambda: running.call_soon_threadsafe(loop.stop),
        lease=connection.settings.lease,
        progress_interval=connection.settings.progress_interval,
    )


def serve(connectors: Sequence[Connector], wanted: Sequence[str] | None) -> Mapping[str, Connector]:
    """Map each job type to the connector that serves it, limited to ``wanted`` where given.

    Raises :class:`SettingsError` for a job type that none serves, and SystemExit with a sentence when nothing is left.
    """
    table = {job_type: connector for connector in connectors for job_type in sorted(connector.job_types)}
    if wanted is not None:
        unknown = sorted(set(wanted) - set(table))
        if unknown:
            hint = did_you_mean(unknown[0], table)
            there = ", ".join(sorted(table))
            raise SettingsError(
                f"EMPROPS_WORKER_JOB_TYPES names {', '.join(unknown)}, which no connector here serves.{hint} "
                f"There are: {there or 'none'}."
            )
        table = {job_type: table[job_type] for job_type in wanted}
    if not table:
        raise SystemExit("No connector is configured, so this worker could do nothing. See EMPROPS_WORKER_CONNECTORS.")
    if len(table) > MAX_JOB_TYPES:
        raise SystemExit(
            f"A worker serves at most {MAX_JOB_TYPES} job types: name those it should in EMPROPS_WORKER_JOB_TYPES."
        )
    return table
