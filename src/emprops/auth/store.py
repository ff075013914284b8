"""SQL of identity: users as far as this system knows them, the names their token issuer gives them, API keys."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

TOUCH_EVERY = timedelta(minutes=1)
"""``last_used_at`` is written at most this often."""

KEY_COLUMNS = """
    id, prefix, key_hash, name, scopes, owner_user_id, created_at, expires_at, last_used_at, revoked_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS live
"""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored; ``live``: neither revoked nor expired when it was read."""

    id: UUID
    prefix: str
    key_hash: bytes
    name: str
    scopes: list[str]
    owner_user_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    live: bool


async def ensure_user(tx: Transaction, user_id: UUID) -> None:
    """Insert the user on first sight; called before any row that refers to the user is written."""
    await ensure_users(tx, [user_id])


async def ensure_users(tx: Transaction, user_ids: Collection[UUID]) -> None:
    """Do the same for several."""
    await tx.execute_later(
        "INSERT INTO app_user (id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING", (sorted(user_ids),)
    )


async def find_identity(reader: Transaction, provider: str, external_id: str) -> UUID | None:
    """Find the user whom a provider knows by this id."""
    user_id: UUID | None = await reader.fetch_value(
        "SELECT user_id FROM user_identity WHERE provider = %s AND external_id = %s", (provider, external_id)
    )
    return user_id


async def add_identity(tx: Transaction, provider: str, external_id: str) -> UUID:
    """Make a user for the id a provider uses; returns the user that another request made meanwhile, if one did."""
    user_id = new_id()
    await ensure_user(tx, user_id)
    added = await tx.execute(
        """
        INSERT INTO user_identity (id, user_id, provider, external_id) VALUES (%s, %s, %s, %s)
        ON CONFLICT (provider, external_id) DO NOTHING
        """,
        (new_id(), user_id, provider, external_id),
    )
    if added:
        return user_id
    await tx.execute("DELETE FROM app_user WHERE id = %s", (user_id,))
    existing = await find_identity(tx, provider, external_id)
    assert existing is not None  # noqa: S101 - the conflict says that it is there, and identities are not deleted
    return existing


async def add_key(
    tx: Transaction,
    *,
    prefix: str,
    digest: bytes,
    name: str,
    scopes: list[str],
    owner: UUID | None,
    life: timedelta | None,
) -> UUID:
    """Store a new key's digest; returns the row's id. ``life`` counts from now, None: until it is revoked."""
    if owner is not None:
        await ensure_user(tx, owner)
    key_id = new_id()
    await tx.execute(
        """
        INSERT INTO api_key (id, prefix, key_hash, name, scopes, owner_user_id, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, now() + %s)
        """,
        (key_id, prefix, digest, name, scopes, owner, life),
    )
    return key_id


async def find_key(reader: Transaction, prefix: str) -> ApiKey | None:
    """Find a key by its public part."""
    return await reader.fetch_one(ApiKey, f"SELECT {KEY_COLUMNS} FROM api_key WHERE prefix = %s", (prefix,))


async def list_keys(reader: Transaction, *, limit: int | None = None, offset: int = 0) -> list[ApiKey]:
    """List keys, newest first: all, or a page."""
    return await reader.fetch_all(
        ApiKey,
        f"SELECT {KEY_COLUMNS} FROM api_key ORDER BY created_at DESC, id DESC LIMIT %s OFFSET %s",
        (limit, offset),
    )


async def touch_key(writer: Transaction, key_id: UUID) -> None:
    """Note that the key is in use."""
    await writer.execute(
        """
        UPDATE api_key SET last_used_at = now()
        WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - %s)
        """,
        (key_id, TOUCH_EVERY),
    )


async def lock_key(tx: Transaction, which: str) -> ApiKey | None:
    """Find the key with this public part or id, and let nobody else change it meanwhile."""
    return await tx.fetch_one(
        ApiKey,
        f"SELECT {KEY_COLUMNS} FROM api_key WHERE prefix = %(which)s OR id::text = %(which)s FOR UPDATE",
        {"which": which},
    )


async def revoke_key(tx: Transaction, which: str) -> ApiKey | None:
    """Revoke the key with this public part or id, for good; the first revocation's time stays. None: no such key."""
    return await tx.fetch_one(
        ApiKey,
        f"""
        UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
        WHERE prefix = %(which)s OR id::text = %(which)s RETURNING {KEY_COLUMNS}
        """,
        {"which": which},
    )
