"""SQL of links that sign somebody in once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from emprops.auth.store import ensure_user
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

LIFE = timedelta(minutes=15)
"""How long a link can be used."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link that is to be made."""

    user_id: UUID
    role: str
    made_by: str
    key_id: UUID | None = None
    """The key that makes it: what the link begins ends with the key."""
    session_id: UUID | None = None
    """The session that makes it: if that ends with a key, so does what the link begins."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is stored."""

    id: UUID
    user_id: UUID
    role: str
    made_by: str
    key_id: UUID | None
    expires_at: datetime


async def add(tx: Transaction, new: NewLink, digest: bytes) -> Link:
    """Store a link."""
    await ensure_user(tx, new.user_id)
    link = await tx.fetch_one(
        Link,
        """
        INSERT INTO sign_in_link (id, ticket_hash, user_id, role, made_by, key_id, expires_at)
        VALUES (%s, %s, %s, %s, %s, coalesce(%s, (SELECT key_id FROM session WHERE id = %s)), now() + %s)
        RETURNING id, user_id, role, made_by, key_id, expires_at
        """,
        (new_id(), digest, new.user_id, new.role, new.made_by, new.key_id, new.session_id, LIFE),
    )
    assert link is not None  # noqa: S101 - just made
    return link


async def take(tx: Transaction, digest: bytes) -> Link | None:
    """Use a link up. None: there is none that can be used."""
    return await tx.fetch_one(
        Link,
        """
        DELETE FROM sign_in_link l WHERE l.ticket_hash = %s AND l.expires_at > now() AND (
            l.key_id IS NULL OR EXISTS (
                SELECT FROM api_key k
                WHERE k.id = l.key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
            )
        )
        RETURNING id, user_id, role, made_by, key_id, expires_at
        """,
        (digest,),
    )


async def remove_unused(database: Database) -> int:
    """Remove links that nobody used in time; an upkeep duty. Returns how many."""
    async with database.reader() as writer:
        return await writer.execute("DELETE FROM sign_in_link WHERE expires_at < now()")
