"""API keys are made and revoked: by operators and services, and at the terminal. Each is on the audit log."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth import store
from emprops.auth.caller import READ, SERVICE
from emprops.auth.keys import make_key
from emprops.auth.store import ApiKey
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made; ``text`` is shown this once."""

    text: str
    row: ApiKey


async def create(
    tx: Transaction, *, name: str, scopes: list[str], owner: UUID | None, life: timedelta | None, actor: str
) -> MadeKey:
    """Make a key. The log says so if it may do more than an operator: act as any user, or read all that users have."""
    key = make_key()
    await store.add_key(tx, prefix=key.prefix, digest=key.digest, name=name, scopes=scopes, owner=owner, life=life)
    row = await store.find_key(tx, key.prefix)
    assert row is not None  # noqa: S101 - just made
    beyond = SERVICE in scopes or (READ in scopes and owner is None)
    about = {"scopes": scopes, "expires_at": row.expires_at, "more_than_an_operator": beyond}
    await record(tx, actor, Action.KEY_CREATED, f"key:emp_{key.prefix}", about, user_id=owner)
    return MadeKey(key.text, row)


async def revoke(tx: Transaction, which: str, *, actor: str) -> ApiKey | None:
    """Revoke the key with this public part or id, for good. None: there is none. Again, it changes nothing."""
    before = await store.lock_key(tx, which)
    if before is None or before.revoked_at is not None:
        return before
    await record(tx, actor, Action.KEY_REVOKED, f"key:emp_{before.prefix}", user_id=before.owner_user_id)
    return await store.revoke_key(tx, which)


def state_of(key: ApiKey) -> str:
    """Return whether a key works: ``live``, ``expired`` or ``revoked``."""
    if key.revoked_at:
        return "revoked"
    return "live" if key.live else "expired"


def fields_of(key: ApiKey) -> dict[str, Any]:
    """Return what is shown of a key, by the api and by commands."""
    return {
        "id": key.id,
        "prefix": f"emp_{key.prefix}",
        "name": key.name,
        "scopes": key.scopes,
        "user_id": key.owner_user_id,
        "state": state_of(key),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
