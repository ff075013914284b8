"""Stream tickets: how a page follows a job although browsers' ``EventSource`` cannot send headers.

A page asks for a ticket with its credentials and puts that in the stream's URL. It works once, for one job, and only
for a minute, so a URL that was logged is worth nothing.
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
"""Redis key (prefixed), a string per ticket's digest: who asked for it, and for which job."""


async def issue_ticket(redis: Redis, prefix: str, caller: Caller, job_id: UUID) -> str:
    """Make a ticket with which the caller may open this job's stream."""
    ticket = secrets.token_urlsafe(32)
    content = {"job_id": job_id, "user_id": caller.user_id, "is_service": caller.is_service}
    await redis.set(_key(prefix, ticket), orjson.dumps(content), ex=TICKET_LIFE)
    return ticket


async def redeem_ticket(redis: Redis, prefix: str, ticket: str, job_id: UUID) -> Caller:
    """Use a ticket up. Raises :class:`UnauthorizedError` if it is not one for this job, was used, or is too old."""
    content = await redis.getdel(_key(prefix, ticket))
    issued = orjson.loads(content) if content is not None else None
    if issued is None or issued["job_id"] != str(job_id):
        raise UnauthorizedError("The stream ticket is not valid; ask for a new one.")
    user_id = issued["user_id"]
    return Caller(user_id=UUID(user_id) if user_id else None, is_service=issued["is_service"])


def _key(prefix: str, ticket: str) -> str:
    return prefix + STREAM_TICKET + hashlib.sha256(ticket.encode()).hexdigest()
