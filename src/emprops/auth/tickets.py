"""Tickets: how a page opens a stream or a WebSocket, although browsers cannot send headers with either.

A page asks for a ticket with its credentials and puts that in the URL. It works once, for one purpose (the stream of
one job or of all the caller's, or a WebSocket), and only for a minute, so a URL that was logged is worth nothing.
"""

import hashlib
import secrets
from uuid import UUID

import orjson
from redis.asyncio import Redis

from emprops.auth.caller import Caller
from emprops.errors import UnauthorizedError

TICKET_LIFE = 60
"""Seconds for which a ticket may be used."""

STREAM_TICKET = "stream_ticket:"
"""Redis key (prefixed), a string per ticket's digest: who asked for it, and for what."""
SOCKET = "socket"
"""Purpose of a ticket that opens a WebSocket."""
MY_STREAM = "stream"
"""Purpose of a ticket that opens the stream of all jobs of its caller."""


def stream_of(job_id: UUID) -> str:
    """Name the purpose of a ticket that opens one job's stream."""
    return f"stream:{job_id}"


async def issue_ticket(redis: Redis, prefix: str, caller: Caller, purpose: str) -> str:
    """Make a ticket with which the caller may do this once, with the rights of the credentials sent now."""
    ticket = secrets.token_urlsafe(32)
    content = {
        "purpose": purpose,
        "user_id": caller.user_id,
        "is_service": caller.is_service,
        "scopes": sorted(caller.scopes),
        "roles": sorted(caller.roles),
        "key_id": caller.key_id,
        "key_prefix": caller.key_prefix,
        "session_id": caller.session_id,
    }
    await redis.set(_key(prefix, ticket), orjson.dumps(content), ex=TICKET_LIFE)
    return ticket


async def redeem_ticket(redis: Redis, prefix: str, ticket: str, purpose: str) -> Caller:
    """Use a ticket up. Raises :class:`UnauthorizedError` if it is for something else, was used, or is too old."""
    content = await redis.getdel(_key(prefix, ticket))
    issued = orjson.loads(content) if content is not None else None
    if issued is None or issued.get("purpose") != purpose:
        raise UnauthorizedError("The stream ticket is not valid; ask for a new one.")
    return Caller(
        user_id=_uuid(issued["user_id"]),
        is_service=issued["is_service"],
        scopes=frozenset(issued["scopes"]),
        roles=frozenset(issued.get("roles", ())),
        key_id=_uuid(issued["key_id"]),
        key_prefix=issued.get("key_prefix", ""),
        session_id=_uuid(issued.get("session_id")),
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _key(prefix: str, ticket: str) -> str:
    return prefix + STREAM_TICKET + hashlib.sha256(ticket.encode()).hexdigest()
