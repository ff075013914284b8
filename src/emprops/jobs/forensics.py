"""Everything that is known about one job, for finding out what happened.

It reads across features on purpose, and changes nothing. What callers of other routes see may be younger.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.jobs import forensics_queries as found
from emprops.jobs import queries
from emprops.kit.database import Database
from emprops.media.result_links import ResultLinks
from emprops.queue.fleet import Fleet
from emprops.queue.records import Records

PATIENCE = 1.0
"""Seconds to wait for Redis; what PostgreSQL knows is worth an answer by itself."""
MAX_RUNS = 10
"""Newest runs of a step whose attestations are asked for."""


async def evidence(
    database: Database, redis: Redis, prefix: str, job: queries.JobRow, links: ResultLinks, *, with_results: bool = True
) -> dict[str, Any]:
    """Collect it: the job as ``GET /jobs/{id}`` shows it, with ``payload`` (its data and ``_flat_files``), outputs,
    steps of all attempts, backups, history, the queue's records, attestations, workers and timings.

    Without results, what was made is left out: files, inputs and outputs of steps, and attestations."""
    data = orjson.loads(job.data)
    async with database.reader() as reader:
        now = await reader.fetch_value("SELECT now()")
        steps = await found.steps_of(reader, job.id)
        files = await found.files_of(reader, job.id) if with_results else []
        if not with_results:
            steps = [replace(step, input_data=None, output_data=None) for step in steps]
        recorded = {
            "payload": {**data, "_flat_files": files},
            "outputs": await found.outputs_of(reader, job.id),
            "steps": [{**asdict(step), "timings": timings(step.queued_at, step, now)} for step in steps],
            "retry_backups": await found.backups_of(reader, job.id),
            "history": await found.history_of(reader, job.id),
        }
    in_redis = await _in_redis(redis, prefix, steps)
    if not with_results:
        in_redis["attestations"] = None
    document = {
        **queries.as_json(job),
        "data": data,
        **recorded,
        **in_redis,
        "timings": timings(job.created_at, job, now),
    }
    if not links.signed:
        return document
    shown: dict[str, Any] = orjson.loads(links.in_job(queries.to_bytes(document).decode(), job.id))
    return shown


def timings(queued_at: datetime | None, row: found.StepRow | queries.JobRow, now: datetime) -> dict[str, float | None]:
    """Return for how many seconds it waited, ran and existed, up to now if it is not over."""
    over = row.completed_at
    started = row.started_at

    def seconds(since: datetime | None, until: datetime | None) -> float | None:
        return None if since is None else round(((until or now) - since).total_seconds(), 3)

    return {
        "waiting": seconds(queued_at, started or over),
        "running": seconds(started, over),
        "total": seconds(row.created_at, over),
    }


async def _in_redis(redis: Redis, prefix: str, steps: Sequence[found.StepRow]) -> dict[str, Any]:
    """What only Redis knows; nulls while it does not answer."""
    records = Records(redis, prefix)
    runs = [(str(step.id), run) for step in steps for run in range(max(1, step.run - MAX_RUNS + 1), step.run + 1)]
    try:
        async with asyncio.timeout(PATIENCE):
            tickets = await records.tickets([str(step.id) for step in steps])
            attestations = await records.attestations(runs)
            fleet = {worker.worker_id: worker for worker in await Fleet(redis, prefix).workers()}
    except (RedisError, TimeoutError, OSError):
        return {"queue": None, "attestations": None, "workers": None}
    involved = {step.worker_id for step in steps} | {ticket["worker"] for ticket in tickets}
    involved |= {attestation.get("worker_id") for attestation in attestations}
    return {
        "queue": tickets,
        "attestations": attestations,
        "workers": [_worker(name, fleet.get(name)) for name in sorted(filter(None, involved))],
    }


def _worker(worker_id: str, info: Any) -> dict[str, Any]:
    """What of a worker concerns the job: others' steps are left out."""
    known = {name: getattr(info, name, None) for name in ("machine_id", "status", "version", "started_at", "last_seen")}
    return {"worker_id": worker_id, "alive": info is not None, **known}
