"""Reads for who follows all jobs of a user: whose a job is, and which of a user's jobs changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a job is."""

    id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class Changed(Owned):
    """A job that changed, and when."""

    updated_at: datetime


async def clock(reader: Transaction) -> datetime:
    """Ask the database's clock."""
    now: datetime = await reader.fetch_value("SELECT now()")
    return now


async def owners(reader: Transaction, job_ids: Sequence[UUID]) -> list[Owned]:
    """Find out whose these jobs are, by their keys."""
    return await reader.fetch_all(Owned, "SELECT id, user_id FROM job WHERE id = ANY(%s)", (list(job_ids),))


async def open_jobs(reader: Transaction, user_id: UUID, limit: int) -> list[UUID]:
    """List a user's open jobs, newest first."""
    return await reader.fetch_values(
        """
        SELECT id FROM (
            (SELECT id, created_at FROM job WHERE user_id = %(user)s AND status = 'pending'
             ORDER BY created_at DESC, id DESC LIMIT %(limit)s)
            UNION ALL
            (SELECT id, created_at FROM job WHERE user_id = %(user)s AND status = 'processing'
             ORDER BY created_at DESC, id DESC LIMIT %(limit)s)
        ) one ORDER BY created_at DESC, id DESC LIMIT %(limit)s
        """,
        {"user": user_id, "limit": limit},
    )


async def changed_of_user(reader: Transaction, user_id: UUID, since: datetime, limit: int) -> list[UUID]:
    """List a user's jobs that changed or ended after a time, up to ``limit`` of them."""
    return await reader.fetch_values(
        """
        (SELECT id FROM job WHERE user_id = %(user)s AND status IN ('pending', 'processing') AND updated_at > %(since)s
         LIMIT %(limit)s)
        UNION ALL
        (SELECT id FROM job WHERE user_id = %(user)s AND completed_at > %(since)s LIMIT %(limit)s)
        LIMIT %(limit)s
        """,
        {"user": user_id, "since": since, "limit": limit},
    )


async def changed_of_users(reader: Transaction, user_ids: Sequence[UUID], since: datetime, limit: int) -> list[Changed]:
    """List the jobs of these users that changed or ended after a time. Users to whom nothing happened cost next to
    nothing: open jobs are found by the time, ended ones by user and time."""
    return await reader.fetch_all(
        Changed,
        """
        (SELECT id, user_id, updated_at FROM job
         WHERE status IN ('pending', 'processing') AND updated_at > %(since)s AND user_id = ANY(%(users)s))
        UNION ALL
        (SELECT id, user_id, updated_at FROM job WHERE user_id = ANY(%(users)s) AND completed_at > %(since)s)
        LIMIT %(limit)s
        """,
        {"users": list(user_ids), "since": since, "limit": limit},
    )
