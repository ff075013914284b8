"""SQL of dead letters: steps that failed because they had used up their failures or their lost claims.

PostgreSQL is asked, not Redis: what is listed is what is true of the jobs, also when Redis has forgotten the tickets.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

COLUMNS = """
    s.id AS step_id, s.job_id, s.step_name, s.step_type AS job_type, s.dead_letter ->> 'reason' AS reason,
    (s.dead_letter ->> 'failures')::int AS failures, (s.dead_letter ->> 'losses')::int AS losses,
    s.attempt AS attempts, s.error_message, s.completed_at AS failed_at, s.retry_attempt,
    j.status = 'failed' AND j.retry_count = s.retry_attempt AS open
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One such step."""

    step_id: UUID
    job_id: UUID
    step_name: str
    job_type: str
    reason: str
    """``failures`` or ``worker_lost``."""
    failures: int
    losses: int
    """How often a worker vanished with it."""
    attempts: int
    error_message: str | None
    failed_at: datetime
    retry_attempt: int
    open: bool
    """Whether its job failed because of it, and nothing has been done about it since."""


@dataclass(frozen=True, slots=True)
class DeadLetterDetail(DeadLetter):
    """The same with what its workers were given."""

    run: int
    worker_id: str | None
    """The last one."""
    requirements: dict[str, Any]
    input_data: dict[str, Any] | None


async def open_letters(tx: Transaction, page: Page) -> list[DeadLetter]:
    """List those that nothing has been done about, newest first."""
    return await tx.fetch_all(
        DeadLetter,
        f"""
        SELECT {COLUMNS} FROM step s JOIN job j ON j.id = s.job_id
        WHERE s.dead_letter IS NOT NULL AND j.status = 'failed' AND j.retry_count = s.retry_attempt
        ORDER BY s.completed_at DESC, s.id DESC LIMIT %s OFFSET %s
        """,
        (page.limit, page.offset),
    )


async def find(tx: Transaction, step_id: UUID) -> DeadLetterDetail | None:
    """Read one, open or not; None if the step does not exist or ended otherwise."""
    return await tx.fetch_one(
        DeadLetterDetail,
        f"""
        SELECT {COLUMNS}, s.run, s.worker_id, s.requirements, s.input_data - 'saved_workflow' AS input_data
        FROM step s JOIN job j ON j.id = s.job_id WHERE s.id = %s AND s.dead_letter IS NOT NULL
        """,
        (step_id,),
    )
