"""What goes to a worker with a job's step and is never stored: keys that a caller sends for services of others.

It is in Redis for a day, under the job; the payload in PostgreSQL says only that there is something. It joins the
ticket when that is sent. After a loss of Redis it is gone, and the worker says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from emprops.jobs.dispatch_store import ReadyStep

EXTRA = "extra:"
"""Redis key (prefixed), a string per job: what goes with its step, as JSON."""
LIFE = 86_400
"""Seconds."""
FIELD = "extra_data"
"""Of a step's payload: true where it is stored, the thing itself in the ticket."""


async def put(redis: Redis, prefix: str, job_id: UUID, extra: Mapping[str, Any]) -> None:
    """Keep this for a job. Raises engine errors."""
    await redis.set(f"{prefix}{EXTRA}{job_id}", orjson.dumps(dict(extra)), ex=LIFE)


async def with_extras(redis: Redis, prefix: str, steps: Sequence[ReadyStep]) -> list[ReadyStep]:
    """Return the steps with what goes with them. Raises engine errors."""
    marked = [step.job_id for step in steps if step.input_data.get(FIELD) is True]
    if not marked:
        return list(steps)
    values: list[Any] = await redis.mget([f"{prefix}{EXTRA}{job_id}" for job_id in marked])
    found = dict(zip(marked, values, strict=True))
    return [_joined(step, found.get(step.job_id)) for step in steps]


def _joined(step: ReadyStep, extra: bytes | None) -> ReadyStep:
    if extra is None or step.input_data.get(FIELD) is not True:
        return step
    return replace(step, input_data={**step.input_data, FIELD: orjson.loads(extra)})
