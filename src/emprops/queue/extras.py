"""What goes to a worker with a job's steps and is kept nowhere else: keys that a caller sends for services of others.

It is in Redis for a day, under the job. Payloads, in PostgreSQL as in tickets, say only that there is something:
tickets of dead letters stay for weeks. A claim brings it. After a loss of Redis it is gone, and the worker says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from redis.asyncio import Redis

from emprops.queue.keys import KEYS
from emprops.queue.messages import Claim

LIFE = 86_400
"""Seconds."""
FIELD = "extra_data"
"""Of a payload: true where it is kept, the thing itself in a claim."""


async def put(redis: Redis, prefix: str, job_id: str, extra: Mapping[str, Any]) -> None:
    """Keep this for a job. Raises engine errors."""
    await redis.set(f"{prefix}{KEYS.extra}{job_id}", orjson.dumps(dict(extra)), ex=LIFE)


async def with_extras(redis: Redis, prefix: str, claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with what goes with them. Raises engine errors."""
    marked = [claim.ticket.workflow_context.workflow_id for claim in claims if _lacks(claim)]
    if not marked:
        return list(claims)
    values: list[Any] = await redis.mget([f"{prefix}{KEYS.extra}{job_id}" for job_id in marked])
    found = dict(zip(marked, values, strict=True))
    return [
        _joined(claim, found.get(claim.ticket.workflow_context.workflow_id)) if _lacks(claim) else claim
        for claim in claims
    ]


def _lacks(claim: Claim) -> bool:
    return claim.ticket.payload.get(FIELD) is True


def _joined(claim: Claim, extra: bytes | None) -> Claim:
    if extra is None:
        return claim
    payload = {**claim.ticket.payload, FIELD: orjson.loads(extra)}
    return replace(claim, ticket=replace(claim.ticket, payload=payload))
