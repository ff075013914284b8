"""Writes on jobs, steps and history. Each is conditional; the pure rules are in ``states.py``.

What the queue is told of steps is in ``dispatch.py``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class LockedJob:
    """What moving a job along needs to know of it; the row is locked."""

    id: UUID
    user_id: UUID
    collection_id: UUID | None
    status: str
    priority: int
    progress: float | None
    total_steps: int
    current_step: int
    retry_count: int
    data: dict[str, Any]
    created_at: datetime
    moderation: str | None
    """What has to be decided before it goes on; see :mod:`emprops.moderation`."""
    usage_price: dict[str, Any] | None
    """The parts of its price, if usage decides what it costs."""
    held: bool
    """Whether credits were held for it."""


@dataclass(slots=True)
class StepState:
    """A step as the orchestrator sees it, without its payload. Mutable: a batch of reports is folded into it."""

    id: UUID
    job_id: UUID
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
    output_data: dict[str, Any] | None
    ready: bool
    dead_letter: dict[str, Any] | None = None
    """Why it used up its limits, if that is why it failed."""
    seconds: float | None = None
    """How long the run that completed it took, by the queue's clock."""
    changed: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A line of a job's history."""

    job_id: UUID
    status: str
    message: str
    step_id: UUID | None = None
    data: dict[str, Any] | None = None


NEW_HISTORY = """
    INSERT INTO job_history (job_id, step_id, status, message, data)
    SELECT job_id, step_id, status, message, data
    FROM ROWS FROM (jsonb_to_recordset(%(history)s) AS (
        job_id uuid, step_id uuid, status text, message text, data jsonb)) WITH ORDINALITY
    ORDER BY ordinality
"""


async def add_history(tx: Transaction, entries: Iterable[HistoryEntry]) -> None:
    """Append lines to the history. Writers hold the job's row lock, so ids rise in the order of commits per job."""
    lines = list(entries)
    if lines:
        await tx.execute(NEW_HISTORY, {"history": Jsonb(lines)})


_SAVED = (
    *("id", "run", "status", "progress", "attempt", "worker_id", "error_message", "output_data", "dead_letter"),
    "seconds",
)
HELD = "EXISTS (SELECT FROM credit_hold h WHERE h.job_id = job.id) AS held"
JOB_COLUMNS = f"""
    id, user_id, collection_id, status, priority, progress, total_steps, current_step, retry_count, data, created_at,
    moderation, CASE WHEN price ? 'by_usage' THEN price END AS usage_price, {HELD}
"""


async def lock_jobs(tx: Transaction, job_ids: Iterable[UUID]) -> dict[UUID, LockedJob]:
    """Lock jobs, in the order of their ids so that two batches never wait for each other."""
    rows = await tx.fetch_all(
        LockedJob,
        f"SELECT {JOB_COLUMNS} FROM job WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        (sorted(job_ids),),
    )
    return {row.id: row for row in rows}


async def read_job(reader: Transaction, job_id: UUID) -> LockedJob | None:
    """Read a job without locking it."""
    return await reader.fetch_one(LockedJob, f"SELECT {JOB_COLUMNS} FROM job WHERE id = %s", (job_id,))


async def current_steps(tx: Transaction, job_ids: Iterable[UUID]) -> list[StepState]:
    """The steps of these jobs' present attempt, in order. Call with the jobs locked."""
    return await tx.fetch_all(
        StepState,
        """
        SELECT s.id, s.job_id, s.retry_attempt, s.step_order, s.step_name, s.step_type, s.generation, s.is_result,
               s.depends_on, s.status, s.progress, s.run, s.attempt, s.worker_id, s.error_message, s.output_data,
               s.seconds, s.input_data IS NOT NULL AS ready
        FROM step s JOIN job j ON j.id = s.job_id AND j.retry_count = s.retry_attempt
        WHERE s.job_id = ANY(%s) ORDER BY s.job_id, s.step_order
        """,
        (list(job_ids),),
    )


@dataclass(frozen=True, slots=True)
class Move:
    """How far an open job has come."""

    id: UUID
    status: str
    progress: float
    current_step: int


async def save(
    tx: Transaction, steps: Sequence[StepState], moves: Sequence[Move], history: Sequence[HistoryEntry]
) -> None:
    """Write changed steps back, advance jobs, and append lines to their history.

    A step that is terminal in the table stays as it is, whatever the caller believes, as does a job that has ended.
    Progress and current step of a job never fall.
    """
    if not steps and not moves and not history:
        return
    await tx.execute_later(
        f"""
        WITH saved AS (
            UPDATE step SET status = new.status, progress = new.progress, attempt = new.attempt,
                   worker_id = new.worker_id, error_message = new.error_message, output_data = new.output_data,
                   dead_letter = new.dead_letter, seconds = new.seconds, updated_at = now(),
                   started_at = CASE WHEN new.attempt > 0 THEN coalesce(started_at, now()) ELSE started_at END,
                   completed_at = CASE WHEN new.status IN ('completed', 'failed') THEN now() END
            FROM jsonb_to_recordset(%(steps)s) AS new (
                id uuid, run int, status text, progress float8, attempt int, worker_id text, error_message text,
                output_data jsonb, dead_letter jsonb, seconds float8)
            WHERE step.id = ANY(%(step_ids)s) AND step.id = new.id AND step.run = new.run
                  AND step.status IN ('pending', 'processing')
        ), moved AS (
            UPDATE job SET status = new.status, progress = greatest(job.progress, new.progress),
                   current_step = greatest(job.current_step, new.current_step), updated_at = now(),
                   started_at = coalesce(started_at, now())
            FROM jsonb_to_recordset(%(moves)s) AS new (id uuid, status text, progress float8, current_step int)
            WHERE job.id = ANY(%(job_ids)s) AND job.id = new.id AND job.status IN ('pending', 'processing')
        )
        {NEW_HISTORY}
        """,
        {
            "steps": Jsonb([{name: getattr(step, name) for name in _SAVED} for step in steps]),
            "moves": Jsonb(moves),
            "step_ids": [step.id for step in steps],
            "job_ids": [move.id for move in moves],
            "history": Jsonb(history),
        },
    )


async def templates(tx: Transaction, step_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The unresolved payloads of steps that wait for others."""
    rows = await tx.fetch_dicts("SELECT id, template FROM step WHERE id = ANY(%s)", (list(step_ids),))
    return {row["id"]: row["template"] for row in rows}


async def set_inputs(tx: Transaction, inputs: dict[UUID, dict[str, Any]], held_back: Mapping[UUID, UUID]) -> None:
    """Make waiting steps ready: what they refer to is filled in. ``held_back``: those that have to wait for the quotas
    of a user."""
    await tx.execute(
        """
        UPDATE step SET input_data = new.input_data, held_back_for = new.held_back_for, updated_at = now()
        FROM jsonb_to_recordset(%s) AS new (id uuid, input_data jsonb, held_back_for uuid)
        WHERE step.id = ANY(%s) AND step.id = new.id AND status = 'pending' AND step.input_data IS NULL
        """,
        (
            Jsonb(
                [
                    {"id": step_id, "input_data": payload, "held_back_for": held_back.get(step_id)}
                    for step_id, payload in inputs.items()
                ]
            ),
            list(inputs),
        ),
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that ends with success."""

    id: UUID
    workflow_output: str | None
    data: dict[str, Any]
    """Merged over the job's own."""


async def complete(tx: Transaction, endings: Sequence[Ending], *, from_states: Sequence[str], message: str) -> None:
    """End locked jobs with success, and say so in their history; without those that are in none of ``from_states``."""
    await tx.execute_later(
        """
        WITH ended AS (
            UPDATE job SET status = 'completed', progress = 100, workflow_output = new.workflow_output,
                   data = job.data || new.data, current_step = total_steps, error_message = NULL, cancelled_at = NULL,
                   updated_at = now(), started_at = coalesce(started_at, now()), completed_at = now()
            FROM jsonb_to_recordset(%(endings)s) AS new (id uuid, workflow_output text, data jsonb)
            WHERE job.id = ANY(%(ids)s) AND job.id = new.id AND status = ANY(%(from)s)
            RETURNING job.id
        )
        INSERT INTO job_history (job_id, status, message) SELECT id, 'completed', %(message)s FROM ended
        """,
        {
            "endings": Jsonb(endings),
            "ids": [ending.id for ending in endings],
            "from": list(from_states),
            "message": message,
        },
    )


async def settle_price(tx: Transaction, job_id: UUID, price: dict[str, Any]) -> None:
    """Store what the parts of a job's price came to."""
    await tx.execute("UPDATE job SET price = %s WHERE id = %s", (Jsonb(price), job_id))


async def fail(
    tx: Transaction, job_id: UUID, *, message: str, data: dict[str, Any] | None = None, cancelled: bool = False
) -> bool:
    """End an open job without success. False if it was not open."""
    return (
        await tx.execute(
            """
        UPDATE job SET status = 'failed', error_message = %s, data = data || %s, updated_at = now(),
               completed_at = now(), cancelled_at = CASE WHEN %s THEN now() END
        WHERE id = %s AND status IN ('pending', 'processing')
        """,
            (message, Jsonb(data or {}), cancelled, job_id),
        )
        == 1
    )
