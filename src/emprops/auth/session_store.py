"""SQL of the sessions that requests come with. What else is done with them is in ``sessions/``."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from emprops.kit.database import Transaction

IDLE = timedelta(hours=12)
"""A session that is not used for so long has ended."""
LONGEST = timedelta(days=7)
"""A session ends after so long in any case."""
TOUCH_EVERY = timedelta(minutes=1)
"""``last_seen_at`` is written at most this often."""

LIVE = f"""
    s.revoked_at IS NULL AND s.expires_at > now() AND s.last_seen_at > now() - interval '{IDLE}'
    AND (s.key_id IS NULL OR EXISTS (
        SELECT FROM api_key k
        WHERE k.id = s.key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
    ))
"""
"""What is true of a session ``s`` that can be used."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as requests need it; ``live``: it had not ended when it was read."""

    id: UUID
    user_id: UUID
    role: str
    roles: list[str]
    reads_only: bool
    way: str
    last_seen_at: datetime
    live: bool
    idle: bool
    """Whether it is time to note that it is in use."""


async def find_session(reader: Transaction, digest: bytes) -> Session | None:
    """Find a session by the digest of its secret."""
    return await reader.fetch_one(
        Session,
        f"""
        SELECT s.id, s.user_id, s.role, s.roles, s.reads_only, s.way, s.last_seen_at, {LIVE} AS live,
               s.last_seen_at < now() - %s AS idle
        FROM session s WHERE s.secret_hash = %s
        """,
        (TOUCH_EVERY, digest),
    )


async def live_among(reader: Transaction, session_ids: list[UUID]) -> set[UUID]:
    """Return which of these sessions have not ended."""
    return set(await reader.fetch_values(f"SELECT s.id FROM session s WHERE s.id = ANY(%s) AND {LIVE}", (session_ids,)))


async def touch_session(writer: Transaction, session_id: UUID) -> None:
    """Note that a session is in use."""
    await writer.execute(
        "UPDATE session SET last_seen_at = now() WHERE id = %s AND last_seen_at < now() - %s",
        (session_id, TOUCH_EVERY),
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that was revoked."""

    id: UUID
    user_id: UUID


async def revoke_privileged(tx: Transaction, user_id: UUID) -> list[Ended]:
    """Revoke the sessions in which a user is more than a user, and remove the unused links to such ones."""
    await tx.execute("DELETE FROM sign_in_link WHERE user_id = %s AND role <> 'user'", (user_id,))
    return await tx.fetch_all(
        Ended,
        """
        UPDATE session SET revoked_at = now()
        WHERE user_id = %s AND revoked_at IS NULL AND (role <> 'user' OR roles && ARRAY['operator', 'viewer'])
        RETURNING id, user_id
        """,
        (user_id,),
    )


async def revoke_vouched_for(tx: Transaction, actor: str) -> list[Ended]:
    """Revoke the sessions that began with links of somebody's, and remove those that nobody has used yet."""
    await tx.execute("DELETE FROM sign_in_link WHERE made_by = %s", (actor,))
    return await tx.fetch_all(
        Ended,
        """
        UPDATE session SET revoked_at = now() WHERE way = 'link' AND made_by = %s AND revoked_at IS NULL
        RETURNING id, user_id
        """,
        (actor,),
    )
