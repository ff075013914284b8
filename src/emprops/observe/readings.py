"""The figures that are read when ``/metrics`` is asked for: one line of ``READINGS`` for each place they come from.

A reading gives metric families; ``engine`` is what it needs. An engine that does not answer in time gives
``emprops_<engine>_up 0`` and none of its figures; the scrape itself does not fail.
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

from emprops.jobs import stale
from emprops.kit import outbox
from emprops.kit.metrics import OTHER, gauge, gauges
from emprops.kit.remembered import Remembered
from emprops.kit.requests import Resources
from emprops.observe.demand import Capability, together
from emprops.observe.service import Sight
from emprops.queue.matching import class_of
from emprops.queue.registry import WorkerInfo
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


@dataclass(frozen=True, slots=True)
class Reading:
    """One place that figures come from."""

    engine: str | None
    """``redis`` or ``postgresql``; None: this process itself, which cannot be away."""
    read: Callable[[Resources, Lookout], Awaitable[list[Metric]]]


async def read_queue(resources: Resources, lookout: Lookout) -> list[Metric]:
    """Depth, waits, claims, and the demand for workers, by job type and models."""
    sight = await lookout.get(resources)
    queue = sight.queue
    rows = [(labels, together(group, sight.fleet)) for labels, group in grouped(sight.capabilities)]
    by = ("job_type", "models")

    def figures(name: str, text: str, attribute: str) -> Metric:
        return gauges(f"queue_{name}", text, by, [(labels, getattr(demand, attribute)) for labels, demand in rows])

    return [
        figures("waiting", "Tickets that wait for a worker.", "waiting"),
        figures("oldest_wait_seconds", "How long the one that waits longest has waited.", "oldest_wait"),
        figures("running", "Steps that workers have claimed.", "running"),
        figures("longest_run_seconds", "How long the claim that is oldest has lasted.", "longest_run"),
        figures("workers", "Live workers that claim and can run it.", "workers"),
        figures("free_slots", "Steps that those could run besides.", "free_slots"),
        figures("wanted_workers", "Workers that what waits and runs calls for.", "wanted_workers"),
        gauge("queue_claimed", "Claims of all workers.", queue.claimed),
        gauge("queue_delayed", "Tickets that wait for their next try.", queue.delayed),
        gauge("queue_dead", "Dead letters of the last 30 days.", queue.dead),
        gauge("queue_late_reports", "Reports refused since Redis began, because their claim had lapsed.", queue.late),
        gauge("queue_signatures", "Different requirements that the queue knows.", queue.signatures),
        gauge("report_stream_entries", "Entries of reports that no orchestrator has dealt with.", queue.reports),
        gauge("report_stream_oldest_seconds", "Age of the oldest of them.", queue.oldest_report),
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
    by = ("class", "job_types")
    return [
        gauges("workers", "Live workers.", (*by, "status"), states.items()),
        gauges("worker_slots", "Steps they run at once.", by, ((k, sum(w.concurrency for w in g)) for k, g in shown)),
        gauges("worker_slots_used", "Steps they run now.", by, ((k, sum(len(w.current) for w in g)) for k, g in shown)),
    ]


async def read_outbox(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """What must still happen elsewhere because something was committed."""
    async with resources.database.reader() as reader:
        waiting = await outbox.backlog(reader)
        given_up = await outbox.given_up(reader)
        hooks = await webhooks.backlog(reader)
    by = ("kind",)
    return [
        gauges("outbox_waiting", "Rows to deliver.", by, (((row.kind,), row.rows) for row in waiting)),
        gauges("outbox_oldest_seconds", "Age of the oldest of them.", by, (((r.kind,), r.oldest) for r in waiting)),
        gauges("outbox_given_up", "Rows given up in the last 30 days.", by, (((r.kind,), r.rows) for r in given_up)),
        gauge("webhooks_waiting", "Deliveries to endpoints, at most 1,000 of each.", hooks.waiting),
        gauge("webhooks_overdue_seconds", "Since when the latest of them should have left.", hooks.overdue),
    ]


async def read_steps(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """How far PostgreSQL lags behind the queue, and the queue behind PostgreSQL."""
    async with resources.database.reader() as reader:
        oldest = await stale.oldest(reader)
    return [
        gauge("steps_oldest_silence_seconds", "Time since the last news of an open step.", oldest.silence),
        gauge("steps_oldest_unsent_seconds", "Age of the oldest step that the queue has not got.", oldest.unsent),
    ]


async def read_process(resources: Resources, _lookout: Lookout) -> list[Metric]:
    """What this process holds open."""
    pool = resources.database.pool.get_stats()
    size, available = pool.get("pool_size", 0), pool.get("pool_available", 0)
    return [
        gauge("streams_open", "Streams of server-sent events.", resources.streams.open),
        gauge("database_pool_connections", "Connections to PostgreSQL.", size),
        gauge("database_pool_used", "Those in use.", size - available),
        gauge("database_pool_waiting", "Requests that wait for one.", pool.get("requests_waiting", 0)),
    ]


READINGS = [
    Reading("redis", read_queue),
    Reading("redis", read_fleet),
    Reading("postgresql", read_outbox),
    Reading("postgresql", read_steps),
    Reading(None, read_process),
]


async def read_all(resources: Resources, lookout: Lookout) -> list[Metric]:
    """Take all readings at once."""
    taken = await asyncio.gather(*(_take(reading, resources, lookout) for reading in READINGS))
    families = [family for found in taken for family in found or ()]
    for engine in sorted({reading.engine for reading in READINGS if reading.engine}):
        up = all(found is not None for reading, found in zip(READINGS, taken, strict=True) if reading.engine == engine)
        families.append(gauge(f"{engine}_up", f"Whether {engine} answers.", int(up)))
    return families


async def _take(reading: Reading, resources: Resources, lookout: Lookout) -> list[Metric] | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await reading.read(resources, lookout)
    except AWAY as error:
        log.warning("metrics could not be read", reading=reading.read.__name__, error=repr(error))
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
