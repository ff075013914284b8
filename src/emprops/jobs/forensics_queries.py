"""SQL of forensics: everything PostgreSQL has of one job."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.jobs.stream_queries import looks
from emprops.kit.database import Transaction

SHOWN_BYTES = 16 * 1024
"""Of a step's input or output; a larger one is left out, its size is told."""
MAX_HISTORY = 1_000


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


async def steps_of(reader: Transaction, job_id: UUID) -> list[StepRow]:
    """Return the steps of all attempts, in order; large inputs and outputs by their size only."""
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


async def files_of(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """Return files that the job's steps stored, and those that its outputs show."""
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


async def outputs_of(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """Return the job's outputs."""
    return await reader.fetch_dicts(
        """
        SELECT id, generation, status, url, mime_type, flat_file_id, deck_id, source_output_id, error_message,
               created_at, updated_at, completed_at
        FROM output WHERE job_id = %s ORDER BY generation, id
        """,
        (job_id,),
    )


async def backups_of(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """Return how the job stood before each retry."""
    return await reader.fetch_dicts(
        """
        SELECT retry_attempt, previous_status, data, workflow_output, error_message, progress, started_at, completed_at,
               created_at
        FROM job_retry_backup WHERE job_id = %s ORDER BY retry_attempt
        """,
        (job_id,),
    )


async def history_of(reader: Transaction, job_id: UUID) -> list[dict[str, Any]]:
    """Return the newest lines of the job's history."""
    seen = await looks(reader, [(job_id, 0)], MAX_HISTORY, newest_first=True)
    return seen[0].rows if seen else []
