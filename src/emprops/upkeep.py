"""What runs by itself, and how often. Every duty is safe to run in any number of processes at once.

The timetable runs inside every api replica by default, or alone with ``emprops upkeep``.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from emprops.assets import expiry as user_file_expiry
from emprops.assets import parts
from emprops.assets import service as user_files
from emprops.audit.chaining import chain_entries, expire_entries
from emprops.credits.service import terms_from
from emprops.decks.count_store import fold_changes
from emprops.fleet.service import Maintenance
from emprops.kit import outbox
from emprops.kit.database import Database, database_from
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.redis import connect, warn_of_eviction
from emprops.kit.tasks import run_together
from emprops.kit.telemetry import tracing
from emprops.kit.telemetry.logging import about, configure_logging
from emprops.kit.telemetry.metrics import counter, served
from emprops.kit.web import idempotency
from emprops.media import retention
from emprops.media.mux import assets
from emprops.media.mux.client import client_from
from emprops.media.storage import storage_from
from emprops.moderation.moderator import Moderator, moderator_from
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.change.verdict import check_results
from emprops.orchestrator.repair.holds import reconcile_holds
from emprops.orchestrator.repair.reconcile import reconcile_duty
from emprops.orchestrator.repair.rescue import (
    admit_held_back,
    lift_waiting,
    rebuild_redis,
    reclaim_lapsed,
    send_unsent,
    show_limits,
    withdraw_closed,
)
from emprops.orchestrator.tickets import Dispatcher, queue_from
from emprops.outputs.expiry import hide_expired
from emprops.outputs.importing import Workshop, import_due, inspect_due
from emprops.quotas import store as quota_store
from emprops.sessions import link_store
from emprops.sessions import store as session_store
from emprops.settings import Settings
from emprops.webhooks.deliver import Deliverer
from emprops.webhooks.deliver import purge as purge_webhooks
from emprops.webhooks.secrets import SecretBox

log = structlog.get_logger(__name__)

RUNS = counter("upkeep_runs", "Runs of the duties of the timetable.", "duty", "outcome")


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the timetable. ``run_once`` returns how much it did."""

    name: str
    every: float
    """Seconds between the end of one run and the start of the next."""
    run_once: Callable[[], Awaitable[int]]


def timetable(dispatcher: Dispatcher, orchestrator: Orchestrator, moderator: Moderator) -> list[Duty]:
    """Everything that runs by itself."""
    maintenance = Maintenance(dispatcher.database, dispatcher.queue.redis, dispatcher.queue.prefix)
    shop = Workshop(dispatcher.database, storage_from(orchestrator.settings), orchestrator.settings)
    return [
        Duty("rebuild_redis", 1.0, lambda: rebuild_redis(dispatcher)),
        Duty("reclaim_lapsed", 1.0, lambda: reclaim_lapsed(dispatcher)),
        Duty("lift_waiting", 10.0, lambda: lift_waiting(dispatcher, orchestrator.settings.priority_age)),
        Duty("admit_held_back", 2.0, lambda: admit_held_back(dispatcher)),
        Duty("send_unsent", 2.0, lambda: send_unsent(dispatcher)),
        Duty("withdraw_closed", 2.0, lambda: withdraw_closed(dispatcher)),
        Duty("take_over_reports", 10.0, orchestrator.take_over),
        Duty("show_limits", 5.0, lambda: show_limits(dispatcher)),
        Duty("show_pauses", 5.0, maintenance.show),
        Duty("forget_pauses", 3600.0, maintenance.forget),
        Duty("purge_idempotency_keys", 3600.0, lambda: idempotency.purge(dispatcher.database)),
        Duty("reconcile_stale_steps", 60.0, lambda: reconcile_duty(orchestrator)),
        Duty("reconcile_holds", 60.0, lambda: reconcile_holds(dispatcher, terms_from(orchestrator.settings))),
        Duty("check_results", 1.0, lambda: check_results(dispatcher, moderator)),
        Duty("fold_output_counts", 2.0, lambda: fold_changes(dispatcher.database)),
        Duty("fold_stored_bytes", 2.0, lambda: quota_store.fold_changes(dispatcher.database)),
        Duty("import_files", 2.0, lambda: import_due(shop)),
        Duty("inspect_files", 2.0, lambda: inspect_due(shop)),
        Duty("forget_signatures", 600.0, dispatcher.queue.forget),
        Duty("forget_consumers", 600.0, orchestrator.stream.forget_consumers),
        Duty("remove_ended_sessions", 600.0, lambda: session_store.remove_ended(dispatcher.database)),
        Duty("remove_unused_links", 600.0, lambda: link_store.remove_unused(dispatcher.database)),
        Duty("purge_webhooks", 3600.0, lambda: purge_webhooks(dispatcher.database)),
        Duty("chain_audit_entries", 1.0, lambda: chain_entries(dispatcher.database)),
        Duty(
            "expire_audit_entries",
            21_600.0,
            lambda: expire_entries(dispatcher.database, orchestrator.settings.audit_days),
        ),
        *media_duties(dispatcher.database, orchestrator.settings),
    ]


def media_duties(database: Database, settings: Settings) -> list[Duty]:
    """What becomes of stored files: videos go to Mux, files that nobody needs any more go for good."""
    storage, mux = storage_from(settings), client_from(settings)
    handlers = {
        **assets.handlers(mux, database, storage, settings),
        **retention.handlers(database, storage),
        **user_files.handlers(database, storage),
    }
    return [
        Duty("deliver_outbox", 2.0, lambda: outbox.deliver_due(database, handlers)),
        Duty("poll_mux", 60.0, lambda: assets.poll(mux, database)),
        Duty("remove_hidden_files", 3600.0, lambda: retention.remove_hidden_files(database, settings)),
        Duty("hide_expired_results", 60.0, lambda: hide_expired(database, settings.result_days)),
        Duty("remove_expired_assets", 60.0, lambda: user_file_expiry.remove_expired(database)),
        Duty("give_up_uploads", 600.0, lambda: parts.remove_old(database)),
        Duty("purge_outbox", 3600.0, lambda: outbox.purge(database)),
        Duty("purge_mux_events", 3600.0, lambda: assets.purge_events(database)),
    ]


async def keep(duty: Duty) -> None:
    """Run one duty until cancelled; its failures are logged and tried again."""
    about({"duty": duty.name})
    while True:
        try:
            done = await duty.run_once()
            RUNS.labels(duty.name, "done").inc()
            if done:
                log.debug("duties done", done=done)
        except Exception as error:  # an outage must not end the timetable
            RUNS.labels(duty.name, "failed").inc()
            log.warning("duty failed", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(duty.every)


async def run_orchestration(dispatcher: Dispatcher, orchestrator: Orchestrator) -> None:
    """The orchestrator, the dispatcher, the deliverer of webhooks and the timetable, until cancelled."""
    settings = orchestrator.settings
    webhooks = Deliverer(dispatcher.database, SecretBox(settings), GuardedClient(settings), dispatcher.results)
    moderator = moderator_from(settings)
    duties = {duty.name: keep(duty) for duty in timetable(dispatcher, orchestrator, moderator)}
    try:
        await run_together(
            {"dispatcher": dispatcher.run(), "orchestrator": orchestrator.run(), "webhooks": webhooks.run(), **duties}
        )
    finally:
        await moderator.close()


async def main(settings: Settings) -> None:
    """``emprops upkeep``: orchestration as a process of its own, until SIGTERM or SIGINT."""
    configure_logging(settings)
    tracing.configure_tracing(settings, "upkeep")
    try:
        with served(settings.metrics_host, settings.upkeep_metrics_port):
            await _run_alone(settings)
    finally:
        await asyncio.to_thread(tracing.stop_tracing)


async def _run_alone(settings: Settings) -> None:
    database = database_from(settings)
    await database.open()
    redis = connect(settings.redis_url)
    await warn_of_eviction(redis)
    queue = queue_from(redis, settings)
    dispatcher = Dispatcher(database, queue, settings)
    orchestrator = Orchestrator(
        database=database, redis=redis, dispatcher=dispatcher, settings=settings, consumer=f"upkeep-{uuid4().hex[:8]}"
    )
    task = asyncio.create_task(run_orchestration(dispatcher, orchestrator))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        await redis.aclose()
        await database.close()
