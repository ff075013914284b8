"""Roles are granted and taken back: by operators and services, and at the terminal. Each is on the audit log."""

from uuid import UUID

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth import role_store, session_store
from emprops.auth.caller import AUTHOR, OPERATOR, Caller
from emprops.auth.role_store import Grant
from emprops.kit.database import Transaction


async def grant(tx: Transaction, user_id: UUID, role: str, *, actor: str, by: str) -> list[Grant]:
    """Grant a role; again, it changes nothing. Returns all that the user has been granted. ``by`` is shown with it."""
    if await role_store.grant(tx, user_id, role, by=by):
        await record(tx, actor, Action.ROLE_GRANTED, f"user:{user_id}", {"role": role}, user_id=user_id)
    return await role_store.grants_of(tx, user_id)


async def revoke(tx: Transaction, user_id: UUID, role: str, *, actor: str) -> list[Grant] | None:
    """Take a role back. Returns what is left; None if the user was not granted it.

    Sessions in which the user is an operator or a viewer end, as they may have been made on the strength of it; and
    with an operator's role, what began with links that they made.
    """
    if not await role_store.revoke(tx, user_id, role):
        return None
    ended = await session_store.revoke_privileged(tx, user_id) if role != AUTHOR else []
    if role == OPERATOR:
        ended += await session_store.revoke_vouched_for(tx, Caller(user_id).actor)
    for session in ended:
        await record(tx, actor, Action.SESSION_REVOKED, f"session:{session.id}", user_id=session.user_id)
    await record(tx, actor, Action.ROLE_REVOKED, f"user:{user_id}", {"role": role}, user_id=user_id)
    return await role_store.grants_of(tx, user_id)


def grantor(caller: Caller) -> str:
    """Return what a grant shows of who made it: the public part of a key, or an operator's id."""
    return f"emp_{caller.key_prefix}" if caller.key_id else str(caller.user_id)
