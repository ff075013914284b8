"""SQL that reads what no feature has by itself: a user as an operator sees them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user, and how much of theirs is under way."""

    id: UUID
    created_at: datetime
    open_jobs: int
    jobs_today: int


async def user_of(reader: Transaction, user_id: UUID) -> UserRow | None:
    """Read a user; None if nothing has been written about them yet."""
    return await reader.fetch_one(
        UserRow,
        """
        SELECT id, created_at,
               (SELECT count(*) FROM job WHERE user_id = u.id AND status = 'pending')
               + (SELECT count(*) FROM job WHERE user_id = u.id AND status = 'processing') AS open_jobs,
               (SELECT count(*) FROM job WHERE user_id = u.id AND created_at >= now() - interval '1 day') AS jobs_today
        FROM app_user u WHERE id = %s
        """,
        (user_id,),
    )
