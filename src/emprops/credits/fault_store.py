"""SQL that compares holds with jobs: each open priced job has a hold, and what is held is held for an open job."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction


async def holds_without_job(reader: Transaction, *, limit: int) -> list[UUID]:
    """Return for which jobs something is held although they are not open, or do not exist."""
    return await reader.fetch_values(
        """
        SELECT h.job_id FROM credit_hold h LEFT JOIN job j ON j.id = h.job_id
        WHERE h.state = 'held' AND coalesce(j.status, 'completed') IN ('completed', 'failed')
        ORDER BY h.job_id LIMIT %s
        """,
        (limit,),
    )


async def jobs_without_hold(reader: Transaction, *, limit: int) -> list[UUID]:
    """Return open jobs for which nothing is held, although they were started at a price or were tried again."""
    return await reader.fetch_values(
        """
        SELECT j.id FROM job j LEFT JOIN credit_hold h ON h.job_id = j.id
        WHERE j.status IN ('pending', 'processing')
              AND (h.state = 'released' OR (h.job_id IS NULL AND j.price IS NOT NULL AND NOT j.price ? 'waived'))
        ORDER BY j.id LIMIT %s
        """,
        (limit,),
    )


@dataclass(frozen=True, slots=True)
class Suspect:
    """A job that is compared with its hold; the row is locked."""

    id: UUID
    user_id: UUID
    key_id: UUID | None
    name: str
    status: str
    price: dict[str, Any] | None


async def lock_if_free(tx: Transaction, job_id: UUID) -> Suspect | None:
    """Lock a job, unless somebody is changing it; None then, and if there is no such job."""
    return await tx.fetch_one(
        Suspect,
        "SELECT id, user_id, key_id, name, status, price FROM job WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED",
        (job_id,),
    )


async def exists(tx: Transaction, job_id: UUID) -> bool:
    """Return whether there is such a job."""
    return bool(await tx.fetch_value("SELECT EXISTS (SELECT FROM job WHERE id = %s)", (job_id,)))
