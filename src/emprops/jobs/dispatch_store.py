"""SQL of what the queue must hear: steps whose tickets are to be sent, and steps whose tickets must go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.jobs.start_store import NewJob, NewStep
from emprops.kit import outbox
from emprops.kit.database import KEYS, Transaction


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """Everything a ticket needs."""

    id: UUID
    job_id: UUID
    step_type: str
    step_order: int
    run: int
    attempt: int
    input_data: dict[str, Any]
    requirements: dict[str, Any]
    priority: int
    total_steps: int
    job_created_at: datetime
    trace: str | None
    user_id: UUID
    weight: int
    """How many of the user's steps are taken in one turn."""


READY_COLUMNS = """
    s.id, s.job_id, s.step_type, s.step_order, s.run, s.attempt, s.input_data, s.requirements, j.priority,
    j.total_steps, j.created_at AS job_created_at, j.trace, j.user_id, coalesce(q.weight, 1) AS weight
"""
READY_FROM = "step s JOIN job j ON j.id = s.job_id LEFT JOIN quota q ON q.kind = 'user' AND q.subject = j.user_id"


def first_run(job: NewJob, step: NewStep, created_at: datetime, weight: int) -> ReadyStep:
    """Return the ready step that a step with its input is when it has just been inserted with its job. ``weight``: the
    user's."""
    return ReadyStep(
        id=step.id,
        job_id=job.id,
        step_type=step.step_type,
        step_order=step.step_order,
        run=1,
        attempt=0,
        input_data=step.input_data or {},
        requirements=step.requirements,
        priority=job.priority,
        total_steps=job.total_steps,
        job_created_at=created_at,
        trace=job.trace or None,
        user_id=job.user_id,
        weight=weight,
    )


async def ready_steps(tx: Transaction, step_ids: Sequence[UUID]) -> list[ReadyStep]:
    """Tickets-to-be of these steps, where they are pending and ready, and no quota holds them back."""
    return await tx.fetch_all(
        ReadyStep,
        f"""
        SELECT {READY_COLUMNS} FROM {READY_FROM}
        WHERE s.id = ANY(%s) AND s.status = 'pending' AND s.input_data IS NOT NULL AND s.held_back_for IS NULL
        """,
        (list(step_ids),),
    )


async def unsent_steps(tx: Transaction, *, older_than: float, limit: int) -> list[ReadyStep]:
    """Ready steps whose ticket Redis has not confirmed for that many seconds, oldest first."""
    return await tx.fetch_all(
        ReadyStep,
        f"""
        SELECT {READY_COLUMNS} FROM {READY_FROM}
        WHERE s.status = 'pending' AND s.queued_at IS NULL AND s.input_data IS NOT NULL AND s.held_back_for IS NULL
              AND s.updated_at < now() - make_interval(secs => %s)
        ORDER BY s.created_at LIMIT %s
        """,
        (older_than, limit),
    )


async def mark_queued(tx: Transaction, step_ids: Sequence[UUID]) -> None:
    """Note that Redis has taken the tickets of these steps; a worker may have begun with some of them already."""
    await tx.execute(
        f"""
        UPDATE step SET queued_at = now()
        WHERE id = {KEYS} AND queued_at IS NULL AND status IN ('pending', 'processing')
        """,
        (list(step_ids),),
    )


async def forget_queued(tx: Transaction) -> int:
    """Redis lost everything: every open, ready step counts as never sent. Returns how many there are."""
    return await tx.execute(
        """
        UPDATE step SET queued_at = NULL, status = 'pending', progress = 0, updated_at = now()
        WHERE status IN ('pending', 'processing') AND input_data IS NOT NULL AND queued_at IS NOT NULL
        """
    )


@dataclass(frozen=True, slots=True)
class ClosedStep:
    """A step that was closed from outside; its ticket must leave the queue."""

    id: UUID
    run: int


WITHDRAW = "withdraw_tickets"
"""Outbox kind: steps that were closed from outside, for when Redis is away while that happens."""


async def close_open_steps(tx: Transaction, job_id: UUID, *, status: str, message: str | None) -> list[ClosedStep]:
    """Close every open step of a job, because the job itself has ended, and have their tickets withdrawn."""
    closed = await tx.fetch_all(
        ClosedStep,
        """
        UPDATE step SET status = %s, error_message = %s, updated_at = now(), completed_at = now()
        WHERE job_id = %s AND status IN ('pending', 'processing')
        RETURNING id, run
        """,
        (status, message, job_id),
    )
    if closed:
        steps = [[str(step.id), step.run] for step in closed]
        await outbox.put(tx, WITHDRAW, f"{WITHDRAW}:{closed[0].id}", {"steps": steps})
    return closed
