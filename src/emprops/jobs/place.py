"""Where a waiting job stands in the queue, as far as that can be told without waiting for it."""

import asyncio
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.queue.fleet import Fleet

PATIENCE = 1.0
"""Seconds to wait for Redis. The job's state does not depend on it, so a reader is not kept longer."""


async def place_of(redis: Redis, prefix: str, step_id: UUID) -> dict[str, Any] | None:
    """Return a waiting step's ``position``, the ``turns`` and own steps before it, what it is ``blocked_by``, and when
    it is tried again if it failed; None if it does not wait, or while Redis does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await Fleet(redis, prefix).place(str(step_id))
    except (RedisError, TimeoutError, OSError):
        return None
