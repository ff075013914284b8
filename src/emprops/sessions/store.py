"""SQL that writes sessions."""

from dataclasses import dataclass, field
from uuid import UUID

from emprops.auth.session_store import IDLE, LONGEST
from emprops.auth.store import ensure_user
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

MOST_OF_A_USER = 100
"""Sessions that one user may have; beyond, the oldest end."""
REMOVE_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a way to sign in says of a session that is to begin."""

    user_id: UUID
    role: str
    way: str
    made_by: str
    """Who vouches for the user, as the audit log names it."""
    roles: list[str] = field(default_factory=list)
    reads_only: bool = False
    key_id: UUID | None = None
    """The key with which the session ends."""
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A session that was revoked."""

    id: UUID
    user_id: UUID


async def add(tx: Transaction, new: NewSession, *, digest: bytes, user_agent: str) -> UUID:
    """Begin a session; the oldest of a user who has too many end. Returns its id."""
    await ensure_user(tx, new.user_id)
    session_id = new_id()
    await tx.execute(
        """
        INSERT INTO session (id, secret_hash, user_id, role, roles, reads_only, way, made_by, key_id, name, email,
                             user_agent, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now() + %s)
        """,
        (
            session_id,
            digest,
            new.user_id,
            new.role,
            new.roles,
            new.reads_only,
            new.way,
            new.made_by,
            new.key_id,
            new.name,
            new.email,
            user_agent,
            LONGEST,
        ),
    )
    await tx.execute(
        """
        UPDATE session SET revoked_at = now() WHERE id IN (
            SELECT id FROM session WHERE user_id = %s AND revoked_at IS NULL
            ORDER BY created_at DESC, id DESC OFFSET %s
        )
        """,
        (new.user_id, MOST_OF_A_USER),
    )
    return session_id


async def revoke(tx: Transaction, session_id: UUID, *, user_id: UUID | None = None) -> Revoked | None:
    """Revoke a session, of this user if one is named. None: there is none that has not been revoked."""
    return await tx.fetch_one(
        Revoked,
        """
        UPDATE session SET revoked_at = now()
        WHERE id = %(id)s AND revoked_at IS NULL AND (%(user)s::uuid IS NULL OR user_id = %(user)s)
        RETURNING id, user_id
        """,
        {"id": session_id, "user": user_id},
    )


async def revoke_by_secret(tx: Transaction, digest: bytes) -> Revoked | None:
    """Revoke the session with this secret."""
    return await tx.fetch_one(
        Revoked,
        """
        UPDATE session SET revoked_at = now() WHERE secret_hash = %s AND revoked_at IS NULL RETURNING id, user_id
        """,
        (digest,),
    )


async def remove_ended(database: Database) -> int:
    """Remove sessions that have ended; an upkeep duty. Returns how many.

    One that expired or was revoked is not used any more, so it goes when an idle one would.
    """
    removed = 0
    while True:
        async with database.reader() as writer:
            deleted = await writer.execute(
                """
                DELETE FROM session WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM session WHERE last_seen_at < now() - %s ORDER BY last_seen_at LIMIT %s
                ))
                """,
                (IDLE, REMOVE_BATCH),
            )
        removed += deleted
        if deleted < REMOVE_BATCH:
            return removed
