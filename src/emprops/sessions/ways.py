"""What a way to sign in says of the session: whose it is, and what its user may be."""

import asyncio
from dataclasses import replace
from typing import Literal
from uuid import UUID

from starlette.requests import HTTPConnection

from emprops.auth import store as identities
from emprops.auth.caller import AUTHOR, OPERATOR, READ, SERVICE, VIEWER, Caller
from emprops.auth.local_user import local_user
from emprops.auth.roles import has_role
from emprops.auth.startup import is_for_one_machine
from emprops.errors import ForbiddenError, UnauthorizedError
from emprops.kit.database import Database, Transaction
from emprops.sessions.store import NewSession
from emprops.settings import Settings

SessionRole = Literal["user", "viewer", "operator"]
Way = Literal["local", "oidc", "key", "link"]
KEYS = "emprops:key"
"""Provider of the identities of keys that speak for no user: who pastes one becomes a user of the key's own."""


def ways_of(settings: Settings) -> list[Way]:
    """List the ways to sign in that are open, the easiest first."""
    here: list[Way] = ["local"] if is_for_one_machine(settings) else []
    provider: list[Way] = ["oidc"] if settings.oidc_issuer else []
    return [*here, *provider, "key", "link"]


async def of_this_machine(settings: Settings) -> Caller:
    """Return who sits at this machine. Raises :class:`UnauthorizedError` where others may ask too."""
    if not is_for_one_machine(settings):
        raise UnauthorizedError("Sign in with a link, an API key or a token.")
    return Caller(user_id=UUID(await asyncio.to_thread(local_user, settings.data_dir)), believed=True)


async def of_caller(caller: Caller, settings: Settings, database: Database) -> NewSession:
    """Return the session for which a key or token is exchanged; where only this machine can ask, a header too.

    A key that speaks for a user makes a session of that user's and no more, unless more is asked for: a product that
    passes its users' sign-ins on must not make operators of them.
    """
    if caller.key_id is not None:
        return await _of_key(caller, database)
    assert caller.user_id is not None  # noqa: S101 - tokens and headers name one
    if not caller.believed:
        role = "operator" if OPERATOR in caller.roles else "user"
        return NewSession(caller.user_id, role, "token", caller.actor, roles=sorted(caller.roles))
    if not is_for_one_machine(settings):
        raise UnauthorizedError("A user_id header proves nothing: sign in with an API key or a token.")
    return NewSession(caller.user_id, "operator", "local", caller.actor)


async def _of_key(caller: Caller, database: Database) -> NewSession:
    if not caller.scopes & {SERVICE, READ}:
        raise ForbiddenError("A worker's key makes no session: use one with the scope service or read.")
    reads_only = SERVICE not in caller.scopes
    return NewSession(
        caller.user_id or await _user_of_key(caller, database),
        "user" if caller.user_id else "viewer" if reads_only else "operator",
        "key",
        f"key:emp_{caller.key_prefix}",
        reads_only=reads_only,
        key_id=caller.key_id,
    )


async def _user_of_key(caller: Caller, database: Database) -> UUID:
    async with database.transaction() as tx:
        return await user_called(tx, KEYS, str(caller.key_id))


async def user_called(tx: Transaction, provider: str, name: str) -> UUID:
    """Return the user whom a provider calls so, made on the first call."""
    return await identities.find_identity(tx, provider, name) or await identities.add_identity(tx, provider, name)


async def with_role(new: NewSession, asked: SessionRole, connection: HTTPConnection, caller: Caller) -> NewSession:
    """Return the session with the role that was asked for. Raises :class:`ForbiddenError` if the caller has it not."""
    role = {"operator": OPERATOR, "viewer": VIEWER}.get(asked)
    lacks = role is not None and not await has_role(connection, caller, role)
    if lacks or (asked == "operator" and new.reads_only):
        raise ForbiddenError(f"What you sign in with does not have the role {asked}.")
    kept = new.roles if asked == "operator" else [role for role in new.roles if role == AUTHOR]
    return replace(new, role=asked, roles=kept, reads_only=new.reads_only or asked == "viewer")
