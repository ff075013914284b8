"""Sessions begin and end. Each time is on the audit log."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth.keys import digest_of
from emprops.auth.sessions import make_secret
from emprops.errors import NotFoundError
from emprops.kit.database import Transaction
from emprops.sessions import queries, store
from emprops.sessions.labels import label_of
from emprops.sessions.queries import SessionDetail
from emprops.sessions.store import NewSession, Revoked


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has just begun; the secret is shown this once, to the browser."""

    secret: str
    session: SessionDetail


async def begin(tx: Transaction, new: NewSession, user_agent: str) -> Begun:
    """Begin a session."""
    secret = make_secret()
    session_id = await store.add(tx, new, digest=digest_of(secret), user_agent=label_of(user_agent))
    session = await queries.session_of(tx, session_id)
    assert session is not None  # noqa: S101 - just made
    about = {"way": new.way, "role": new.role, "by": new.made_by}
    await record(tx, f"user:{new.user_id}", Action.SIGNED_IN, f"session:{session_id}", about, user_id=new.user_id)
    return Begun(secret, session)


async def sign_out(tx: Transaction, secret: str, ended: Callable[[UUID], None]) -> None:
    """End the session with this secret, if there is one. ``ended`` is told once that is stored."""
    revoked = await store.revoke_by_secret(tx, digest_of(secret))
    if revoked is not None:
        await _note(tx, revoked, f"user:{revoked.user_id}", ended)


async def revoke(
    tx: Transaction, session_id: UUID, ended: Callable[[UUID], None], *, actor: str, user_id: UUID | None
) -> Revoked:
    """End a session; of this user, if one is named. Raises :class:`NotFoundError` if there is none."""
    revoked = await store.revoke(tx, session_id, user_id=user_id)
    if revoked is None:
        raise NotFoundError("Session not found")
    await _note(tx, revoked, actor, ended)
    return revoked


async def _note(tx: Transaction, revoked: Revoked, actor: str, ended: Callable[[UUID], None]) -> None:
    await record(tx, actor, Action.SESSION_REVOKED, f"session:{revoked.id}", user_id=revoked.user_id)
    tx.after_commit(lambda: ended(revoked.id))
