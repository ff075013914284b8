"""SQL of statements. A user's entries get their ids with the account locked, so they are committed in that order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.credits.queries import Entry
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class Frame:
    """What a user had when a month began, in micro-credits, and which entries the month has."""

    available: int
    held: int
    first: int
    """Id of the month's first entry; 0 if it has none."""
    last: int
    """Id of its last entry so far."""


async def frame_of(reader: Transaction, user_id: UUID, begins: datetime, ends: datetime) -> Frame | None:
    """Return what frames a month: the balance now without all that has happened since it began. None if the user never
    had an account."""
    return await reader.fetch_one(
        Frame,
        """
        SELECT a.available - e.available AS available, a.held - e.held AS held, e.first, e.last
        FROM credit_account a, LATERAL (
            SELECT coalesce(sum(CASE 'available' WHEN target THEN amount WHEN source THEN -amount END), 0)::bigint
                       AS available,
                   coalesce(sum(CASE 'held' WHEN target THEN amount WHEN source THEN -amount END), 0)::bigint AS held,
                   coalesce(min(id) FILTER (WHERE created_at < %(ends)s), 0) AS first,
                   coalesce(max(id) FILTER (WHERE created_at < %(ends)s), 0) AS last
            FROM credit_entry WHERE user_id = a.user_id AND created_at >= %(begins)s
        ) e
        WHERE a.user_id = %(user_id)s
        """,
        {"user_id": user_id, "begins": begins, "ends": ends},
    )


async def entries_from(
    reader: Transaction, user_id: UUID, begins: datetime, ends: datetime, *, first: int, last: int, limit: int
) -> list[Entry]:
    """Return a part of a month's entries with these ids and those between them, oldest first."""
    return await reader.fetch_all(
        Entry,
        """
        SELECT id, kind, source, target, amount, job_id, reason, created_at
        FROM credit_entry
        WHERE user_id = %s AND id BETWEEN %s AND %s AND created_at >= %s AND created_at < %s
        ORDER BY id LIMIT %s
        """,
        (user_id, first, last, begins, ends, limit),
    )
