"""SQL of what callers do to a job that exists: lock it, back it up, begin its next attempt, repair its output."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.jobs.start_store import NewStep
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands when somebody wants to change it; the row is locked."""

    id: UUID
    user_id: UUID
    status: str
    job_type: str
    retry_count: int
    max_retries: int
    cancelled: bool
    error_message: str | None
    key_id: UUID | None
    """The API key that started it."""
    collection_id: UUID | None
    moderation: str | None
    """What has to be decided before it goes on."""
    idle: float
    """Seconds since anything happened to it."""


@dataclass(frozen=True, slots=True)
class EarlierStep:
    """A step of the attempt that is given up, as it is stored."""

    id: UUID
    job_id: UUID
    step_order: int
    step_name: str
    step_type: str
    generation: int
    is_result: bool
    depends_on: list[UUID]
    template: dict[str, Any] | None
    input_data: dict[str, Any] | None
    requirements: dict[str, Any]
    status: str
    output_data: dict[str, Any] | None
    reused_from: UUID | None
    started_at: datetime | None
    completed_at: datetime | None
    seconds: float | None = None
    builders: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step of the new attempt; ``reuses`` is the earlier one whose result it takes over."""

    step: NewStep
    reuses: EarlierStep | None


async def lock(tx: Transaction, job_id: UUID, *, owner: UUID | None) -> Standing | None:
    """Lock a job of this owner (None: of anybody); None if there is no such job."""
    return await tx.fetch_one(
        Standing,
        """
        SELECT id, user_id, status, job_type, retry_count, max_retries, cancelled_at IS NOT NULL AS cancelled,
               error_message, key_id, collection_id, moderation, extract(epoch FROM now() - updated_at)::float8 AS idle
        FROM job WHERE id = %(id)s AND (%(owner)s::uuid IS NULL OR user_id = %(owner)s) FOR NO KEY UPDATE
        """,
        {"id": job_id, "owner": owner},
    )


async def earlier_steps(tx: Transaction, job_id: UUID, retry_attempt: int) -> list[EarlierStep]:
    """Read one attempt's steps whole, in order."""
    return await tx.fetch_all(
        EarlierStep,
        """
        SELECT id, job_id, step_order, step_name, step_type, generation, is_result, depends_on, template, input_data,
               requirements, status, output_data, reused_from, started_at, completed_at, seconds, builders
        FROM step WHERE job_id = %s AND retry_attempt = %s ORDER BY step_order
        """,
        (job_id, retry_attempt),
    )


async def back_up(tx: Transaction, job_id: UUID) -> None:
    """Keep the job as it is, before its next attempt begins."""
    await tx.execute(
        """
        INSERT INTO job_retry_backup (job_id, retry_attempt, previous_status, data, workflow_output, error_message,
                                      progress, started_at, completed_at)
        SELECT id, retry_count + 1, status, data, workflow_output, error_message, progress, started_at, completed_at
        FROM job WHERE id = %s
        """,
        (job_id,),
    )


async def trace_of(tx: Transaction, job_id: UUID) -> str:
    """Read the trace of a job's present attempt; empty if it has none."""
    return await tx.fetch_value("SELECT trace FROM job WHERE id = %s", (job_id,)) or ""


async def begin_retry(
    tx: Transaction, job_id: UUID, *, retry_count: int, trace: str = "", moderation: str | None = None
) -> bool:
    """Make a job that had ``retry_count`` retries pending, with one more. Its ``data`` keeps what it has; ``trace`` and
    ``moderation`` are those of the new attempt. False if it has completed, has another count by now, or has used its
    retries up."""
    return (
        await tx.execute(
            """
        UPDATE job SET status = 'pending', retry_count = retry_count + 1, progress = 0, current_step = 0,
               error_message = NULL, workflow_output = NULL, started_at = NULL, completed_at = NULL,
               cancelled_at = NULL, trace = %s, moderation = %s,
               data = data || jsonb_build_object('last_retry_attempt', retry_count + 1),
               updated_at = now()
        WHERE id = %s AND retry_count = %s AND retry_count < max_retries AND status <> 'completed'
        """,
            (trace or None, moderation, job_id, retry_count),
        )
        == 1
    )


async def allow_one_more(tx: Transaction, job_id: UUID) -> None:
    """Raise a job's limit by one retry. Call with the job locked."""
    await tx.execute("UPDATE job SET max_retries = max_retries + 1 WHERE id = %s", (job_id,))


async def insert_next_steps(tx: Transaction, steps: Sequence[NextStep]) -> None:
    """Insert the steps of a new attempt: reused ones completed, the others pending."""
    await tx.execute(
        """
        INSERT INTO step (id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                          depends_on, template, input_data, requirements, status, progress, output_data, reused_from,
                          started_at, completed_at, seconds, held_back_for, builders)
        SELECT id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
               depends_on, template, input_data, requirements, status, progress, output_data, reused_from,
               started_at, completed_at, seconds, held_back_for, builders
        FROM jsonb_to_recordset(%s) AS new (
            id uuid, job_id uuid, retry_attempt int, step_order int, step_name text, step_type text, generation int,
            is_result boolean, depends_on uuid[], template jsonb, input_data jsonb, requirements jsonb, status text,
            progress int, output_data jsonb, reused_from uuid, started_at timestamptz, completed_at timestamptz,
            seconds float, held_back_for uuid, builders uuid[])
        """,
        (Jsonb([_columns(step) for step in steps]),),
    )


def _columns(next_step: NextStep) -> dict[str, Any]:
    step, reuses = next_step.step, next_step.reuses
    return {
        "id": step.id,
        "job_id": step.job_id,
        "retry_attempt": step.retry_attempt,
        "step_order": step.step_order,
        "step_name": step.step_name,
        "step_type": step.step_type,
        "generation": step.generation,
        "is_result": step.is_result,
        "depends_on": step.depends_on,
        "template": step.template,
        "input_data": step.input_data,
        "requirements": step.requirements,
        "builders": step.builders,
        "status": "completed" if reuses else "pending",
        "progress": 100 if reuses else 0,
        "output_data": reuses.output_data if reuses else None,
        # the step that really ran, however often its result was taken over since
        "reused_from": (reuses.reused_from or reuses.id) if reuses else None,
        "started_at": reuses.started_at if reuses else None,
        "completed_at": reuses.completed_at if reuses else None,
        "seconds": reuses.seconds if reuses else None,
        "held_back_for": step.held_back_for,
    }


@dataclass(frozen=True, slots=True)
class ResultStep:
    """A completed step that should have given one of the job's results."""

    id: UUID
    ran_as: UUID
    """The step that really ran: itself, or the one whose result it took over."""
    run: int
    output_data: dict[str, Any] | None


async def result_steps(tx: Transaction, job_id: UUID) -> list[ResultStep]:
    """Read the result steps of a job's present attempt, in order."""
    return await tx.fetch_all(
        ResultStep,
        """
        SELECT s.id, r.id AS ran_as, r.run, s.output_data
        FROM job j
        JOIN step s ON s.job_id = j.id AND s.retry_attempt = j.retry_count
        JOIN step r ON r.id = coalesce(s.reused_from, s.id)
        WHERE j.id = %s AND s.is_result AND s.status = 'completed' ORDER BY s.generation, s.step_order
        """,
        (job_id,),
    )


async def set_step_output(tx: Transaction, step_id: UUID, output_data: dict[str, Any]) -> None:
    """Store the missing result of a completed step."""
    await tx.execute(
        "UPDATE step SET output_data = %s, updated_at = now() WHERE id = %s AND status = 'completed'",
        (Jsonb(output_data), step_id),
    )


async def set_output(tx: Transaction, job_id: UUID, *, workflow_output: str, outputs: list[dict[str, Any]]) -> bool:
    """Store the missing output of a completed job. False if it has one, or has not completed."""
    return (
        await tx.execute(
            """
        UPDATE job SET workflow_output = %s, data = data || %s, updated_at = now()
        WHERE id = %s AND status = 'completed' AND workflow_output IS NULL
        """,
            (workflow_output, Jsonb({"outputs": outputs}), job_id),
        )
        == 1
    )
