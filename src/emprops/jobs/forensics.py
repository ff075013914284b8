"""Everything that is known of one job, for whoever has to find out what happened.

It reads across features on purpose, and changes nothing. What callers of other routes see may be younger.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.jobs import queries
from emprops.kit.database import Database, Transaction
from emprops.queue.fleet import Fleet
from emprops.queue.records import Records

PATIENCE = 1.0
"""Seconds to wait for Redis; what PostgreSQL knows is worth an answer by itself."""
SHOWN_BYTES = 16 * 1024
"""Of a step's input or output; a larger one is left out, its size is told."""
MAX_HISTORY = 1_000
MAX_RUNS = 10
"""Newest runs of a step whose attestations are asked for."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of any attempt."""

    id: UUID
    retry_attempt: int
    step_order: int
    step_name: str
    step_type: str
    generation: int
    is_result: bool
    depends_on: list[UUID]
    status: str
    progress: float
    run: int
    attempt: int
    worker_id: str | None
    error_message: str | None
    reused_from: UUID | None
    requirements: dict[str, Any]
    input_data: dict[str, Any] | None
    input_bytes: int | None
    output_data: dict[str, Any] | None
    output_bytes: int | None
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


async def evidence(database: Database, redis: Redis, prefix: str, job: queries.JobRow) -> dict[str, Any]:
    """Collect it: the job as ``GET /jobs/{id}`` shows it, with ``payload`` (its data and ``_flat_files``), outputs,
    steps of all attempts, backups, history, the queue's records, attestations, workers and timings."""
    data = orjson.loads(job.data)
    async with database.reader() as reader:
        now = await reader.fetch_value("SELECT now()")
        steps = await _steps(reader, job.id)
        recorded = {
            "payload": {**data, "_flat_files": await _files(reader, job.id)},
            "outputs": await _outputs(reader, job.id),
            "steps": [{**asdict(step), "timings": timings(step.queued_at, step, now)} for step in steps],
            "retry_backups": await _backups(reader, job.id),
            "history": await _history(reader, job.id),
        }
    in_redis = await _in_redis(redis, prefix, steps)
    return {**queries.as_json(job), "data": data, **recorded, **in_redis, "timings": timings(job.created_at, job, now)}


def timings(queued_at: datetime | None, row: StepRow | queries.JobRow, now: datetime) -> dict[str, float | None]:
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


async def _steps(reader: Transaction, job_id: UUID) -> list[StepRow]:
    return await reader.fetch_all(
        StepRow,
        """
        SELECT id, retry_attempt, step_order, step_name, step_type, generation, is_result, depends_on, status, progress,
               run, attempt, worker_id, error_message, reused_from, requirements,
               CASE WHEN length(payload::text) <= %(shown)s THEN payload END AS input_data,
               length(payload::text) AS input_bytes,
               CASE WHEN length(output_data::text) <= %(shown)s THEN output_data END AS output_data,
               length(output_data::text) AS output_bytes,
               created_at, updated_at, queued_at, started_at, completed_at
        FROM step, LATERAL (SELECT input_data - 'saved_workflow' AS payload) AS shown  -- packed: nobody could read it
        WHERE job_id = %(job_id)s ORDER BY retry_attempt, step_order
        """,
        {"job_id": job_id, "shown": SHOWN_BYTES},
    )


async def _files(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """Files that the job's steps stored, and those that its outputs show."""
    return await reader.fetch_dicts(
        """
        SELECT id, url, mime_type, mux_asset_id, mux_playback_id, name, size_bytes, width, height, duration,
               thumbnail_url, step_id, created_at
        FROM flat_file
        WHERE id IN (SELECT id FROM flat_file WHERE job_id = %(job_id)s
                     UNION SELECT flat_file_id FROM output WHERE job_id = %(job_id)s)
        ORDER BY id
        """,
        {"job_id": job_id},
    )


async def _outputs(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    return await reader.fetch_dicts(
        """
        SELECT id, generation, status, url, mime_type, flat_file_id, deck_id, source_output_id, error_message,
               created_at, updated_at, completed_at
        FROM output WHERE job_id = %s ORDER BY generation, id
        """,
        (job_id,),
    )


async def _backups(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    return await reader.fetch_dicts(
        """
        SELECT retry_attempt, previous_status, data, workflow_output, error_message, progress, started_at, completed_at,
               created_at
        FROM job_retry_backup WHERE job_id = %s ORDER BY retry_attempt
        """,
        (job_id,),
    )


async def _history(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    seen = await queries.look(reader, job_id, 0, MAX_HISTORY, newest_first=True)
    return [] if seen is None else seen.rows


async def _in_redis(redis: Redis, prefix: str, steps: Sequence[StepRow]) -> dict[str, Any]:
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
