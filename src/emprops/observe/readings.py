"""The figures that are read when ``/metrics`` is asked for: one line of ``SOURCES`` for each place they come from.

``engine`` is what a source needs. An engine that does not answer in time gives ``emprops_<engine>_up 0`` and none of
its figures; the scrape itself does not fail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import structlog
from prometheus_client import Metric
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from emprops.jobs import stale_store
from emprops.kit import outbox
from emprops.kit.remembered import Remembered
from emprops.kit.telemetry.metrics import OTHER, read_gauge
from emprops.kit.web.endpoint import Resources
from emprops.observe.demand import Capability, together
from emprops.observe.service import Sight
from emprops.queue.fleet import WorkerInfo
from emprops.queue.matching import class_of
from emprops.webhooks import service as webhooks

log = structlog.get_logger(__name__)

PATIENCE = 3.0
"""Seconds that an engine gets to answer."""
MOST_SERIES = 50
"""Groups of requirements, and classes of workers, with series of their own; the rest is ``other``."""
MOST_LABEL = 200
"""Characters of a label that lists names."""
AWAY = (RedisError, psycopg.Error, PoolTimeout, OSError, TimeoutError)

Item = TypeVar("Item")
Lookout = Remembered[Resources, Sight]


BY_NEED = ("job_type", "models")
BY_CLASS = ("class", "job_types")
QUEUE_DEMAND = {
    "waiting": read_gauge("queue_waiting", "Tickets that wait for a worker.", *BY_NEED),
    "oldest_wait": read_gauge("queue_oldest_wait_seconds", "How long the oldest ticket has waited.", *BY_NEED),
    "running": read_gauge("queue_running", "Steps that workers have claimed.", *BY_NEED),
    "longest_run": read_gauge("queue_longest_run_seconds", "How long the oldest claim has lasted.", *BY_NEED),
    "workers": read_gauge("queue_workers", "Live workers that claim and can run it.", *BY_NEED),
    "free_slots": read_gauge("queue_free_slots", "Further steps that those could run.", *BY_NEED),
    "limited": read_gauge("queue_limited", "Of those waiting, what limits of the job type keep waiting.", *BY_NEED),
    "wanted_workers": read_gauge("queue_wanted_workers", "Workers that waiting and running steps need.", *BY_NEED),
}
"""By attribute of :class:`~emprops.observe.demand.Demand`."""
QUEUE_HELD_BACK = read_gauge("queue_held_back", "Ready steps that quotas keep out of the queue.", "job_type")
QUEUE_CLAIMED = read_gauge("queue_claimed", "Claims of all workers.")
QUEUE_DELAYED = read_gauge("queue_delayed", "Tickets that wait for their next try.")
QUEUE_DEAD = read_gauge("queue_dead", "Dead letters of the last 30 days.")
QUEUE_LATE = read_gauge("queue_late_reports", "Reports refused since Redis began, because their claim had lapsed.")
QUEUE_SIGNATURES = read_gauge("queue_signatures", "Different requirements that the queue knows.")
REPORT_ENTRIES = read_gauge("report_stream_entries", "Reports that no orchestrator has recorded yet.")
REPORT_OLDEST = read_gauge("report_stream_oldest_seconds", "Age of the oldest of them.")
WORKERS = read_gauge("workers", "Live workers.", *BY_CLASS, "status")
WORKER_SLOTS = read_gauge(
    "worker_slots", "Steps that run at once: on this worker, or in the fleet by class.", *BY_CLASS
)
WORKER_SLOTS_USED = read_gauge(
    "worker_slots_used", "Steps that run now: on this worker, or in the fleet by class.", *BY_CLASS
)
OUTBOX_WAITING = read_gauge("outbox_waiting", "Rows of the outbox to deliver.", "kind")
OUTBOX_OLDEST = read_gauge("outbox_oldest_seconds", "Age of the oldest of them.", "kind")
OUTBOX_GIVEN_UP = read_gauge("outbox_given_up", "Rows given up in the last 30 days.", "kind")
WEBHOOKS_WAITING = read_gauge("webhooks_waiting", "Webhook deliveries to send, at most 1,000 of each endpoint.")
WEBHOOKS_OVERDUE = read_gauge("webhooks_overdue_seconds", "How late the most delayed of them is.")
STEPS_SILENCE = read_gauge("steps_oldest_silence_seconds", "Time since the last news of an open step.")
STEPS_UNSENT = read_gauge("steps_oldest_unsent_seconds", "Age of the oldest step that is not in the queue yet.")
STREAMS = read_gauge("streams_open", "Open streams of server-sent events in this process.")
POOL_CONNECTIONS = read_gauge("database_pool_connections", "Connections of this process to PostgreSQL.")
POOL_USED = read_gauge("database_pool_used", "Connections in use.")
POOL_WAITING = read_gauge("database_pool_waiting", "Requests that wait for a connection.")
UP = {
    "redis": read_gauge("redis_up", "Whether Redis answers."),
    "postgresql": read_gauge("postgresql_up", "Whether PostgreSQL answers."),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One place that figures come from."""

    engine: str | None
    """``redis`` or ``postgresql``; None: this process itself, which cannot be away."""
    read: Callable[[Resources, Lookout], Awaitable[list[Metric]]]


async def read_queue(resources: Resources, lookout: Lookout) -> list[Metric]:
    """Depth, waits, claims, and the demand for workers, by job type and models."""
    sight = await lookout.get(resources)
    queue = sight.queue
    rows = [(labels, together(group, sight.fleet)) for labels, group in grouped(sight.capabilities)]
    return [
        *(
            metric.of((labels, getattr(demand, attribute)) for labels, demand in rows)
            for attribute, metric in QUEUE_DEMAND.items()
        ),
        QUEUE_HELD_BACK.of(((job_type,), count) for job_type, count in sorted(queue.held_back.items())),
        QUEUE_CLAIMED.at(queue.claimed),
        QUEUE_DELAYED.at(queue.delayed),
        QUEUE_DEAD.at(queue.dead),
        QUEUE_LATE.at(queue.late),
        QUEUE_SIGNATURES.at(queue.signatures),
        REPORT_ENTRIES.at(queue.reports),
        REPORT_OLDEST.at(queue.oldest_report),
    ]


async def read_fleet(resources: Resources, lookout: Lookout) -> list[Metric]:
    """Live workers by class and state, with their slots."""
    groups: dict[tuple[str, str], list[WorkerInfo]] = {}
    for worker in (await lookout.get(resources)).workers:
        groups.setdefault((class_of(worker.offers), _names(sorted(worker.offers))), []).append(worker)
    shown = _most(groups, size=len)
    states = {
        (*labels, state): sum(worker.status == state for worker in group)
        for labels, group in shown
        for state in sorted({"idle", "busy", "draining"} | {worker.status for worker in group})
    }
    return [
        WORKERS.of(states.items()),
        WORKER_SLOTS.of((labels, sum(worker.concurrency for worker in group)) for labels, group in shown),
        WORKER_SLOTS_USED.of((labels, sum(len(worker.current) for worker in group)) for labels, group in shown),
    ]


async def read_outbox(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """What must still happen elsewhere because something was committed."""
    async with resources.database.reader() as reader:
        waiting = await outbox.backlog(reader)
        given_up = await outbox.given_up(reader)
        hooks = await webhooks.backlog(reader)
    return [
        OUTBOX_WAITING.of(((row.kind,), row.rows) for row in waiting),
        OUTBOX_OLDEST.of(((row.kind,), row.oldest) for row in waiting),
        OUTBOX_GIVEN_UP.of(((row.kind,), row.rows) for row in given_up),
        WEBHOOKS_WAITING.at(hooks.waiting),
        WEBHOOKS_OVERDUE.at(hooks.overdue),
    ]


async def read_steps(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """How far PostgreSQL lags behind the queue, and the queue behind PostgreSQL."""
    async with resources.database.reader() as reader:
        oldest = await stale_store.oldest(reader)
    return [STEPS_SILENCE.at(oldest.silence), STEPS_UNSENT.at(oldest.unsent)]


async def read_process(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """What this process holds open."""
    pool = resources.database.pool.get_stats()
    size, available = pool.get("pool_size", 0), pool.get("pool_available", 0)
    return [
        STREAMS.at(resources.streams.open),
        POOL_CONNECTIONS.at(size),
        POOL_USED.at(size - available),
        POOL_WAITING.at(pool.get("requests_waiting", 0)),
    ]


SOURCES = [
    Source("redis", read_queue),
    Source("redis", read_fleet),
    Source("postgresql", read_outbox),
    Source("postgresql", read_steps),
    Source(None, read_process),
]


async def read_all(resources: Resources, lookout: Lookout) -> list[Metric]:
    """Read all sources at once."""
    taken = await asyncio.gather(*(_take(source, resources, lookout) for source in SOURCES))
    families = [family for found in taken for family in found or ()]
    for engine, metric in UP.items():
        up = all(found is not None for source, found in zip(SOURCES, taken, strict=True) if source.engine == engine)
        families.append(metric.at(int(up)))
    return families


async def _take(source: Source, resources: Resources, lookout: Lookout) -> list[Metric] | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await source.read(resources, lookout)
    except AWAY as error:
        log.warning("metrics unreadable", source=source.read.__name__, error=repr(error))
        return None


def grouped(found: Sequence[Capability]) -> list[tuple[tuple[str, str], list[Capability]]]:
    """Sort requirements by job type and models, for labels: a bounded number of groups, the last of them the rest."""
    groups: dict[tuple[str, str], list[Capability]] = {}
    for one in found:
        labels = (str(one.requirement["job_type"])[:MOST_LABEL], _names(one.requirement.get("models") or ()))
        groups.setdefault(labels, []).append(one)
    return _most(groups, size=lambda group: sum(one.load.waiting + one.load.running for one in group))


def _most(
    groups: dict[tuple[str, str], list[Item]], *, size: Callable[[list[Item]], int]
) -> list[tuple[tuple[str, str], list[Item]]]:
    """Keep the largest groups, and put the others together."""
    named = {labels: group for labels, group in groups.items() if labels != (OTHER, OTHER)}
    ranked = sorted(named.items(), key=lambda group: -size(group[1]))
    rest = [one for _, group in ranked[MOST_SERIES:] for one in group] + groups.get((OTHER, OTHER), [])
    return ranked[:MOST_SERIES] + ([((OTHER, OTHER), rest)] if rest else [])


def _names(names: Iterable[str]) -> str:
    return ",".join(names)[:MOST_LABEL]
