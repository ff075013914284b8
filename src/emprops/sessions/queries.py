"""SQL that lists sessions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.auth.session_store import IDLE, LIVE
from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session as its user sees it."""

    id: UUID
    user_id: UUID
    role: str
    reads_only: bool
    way: str
    made_by: str
    name: str
    email: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends if it is not used again."""


COLUMNS = f"""
    s.id, s.user_id, s.role, s.reads_only, s.way, s.made_by, s.name, s.email, s.user_agent, s.created_at,
    s.last_seen_at, least(s.expires_at, s.last_seen_at + interval '{IDLE}') AS expires_at
"""


async def session_of(reader: Transaction, session_id: UUID) -> SessionDetail | None:
    """Read a session, ended or not."""
    return await reader.fetch_one(SessionDetail, f"SELECT {COLUMNS} FROM session s WHERE s.id = %s", (session_id,))


async def sessions_of(reader: Transaction, user_id: UUID, page: Page) -> list[SessionDetail]:
    """List a user's sessions that have not ended, newest first."""
    return await reader.fetch_all(
        SessionDetail,
        f"""
        SELECT {COLUMNS} FROM session s WHERE s.user_id = %s AND {LIVE}
        ORDER BY s.created_at DESC, s.id DESC LIMIT %s OFFSET %s
        """,
        (user_id, page.limit, page.offset),
    )
