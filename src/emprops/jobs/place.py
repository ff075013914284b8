"""Where a waiting job stands in the queue, as far as that can be told without waiting for it."""

import asyncio
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from emprops.jobs import held_store
from emprops.kit.web.endpoint import Resources
from emprops.queue.fleet import Fleet

PATIENCE = 1.0
"""Seconds to wait for Redis. The job's state does not depend on it, so a reader is not kept longer."""
HELD_BACK = "the quota of running steps: others must end first, see GET /me/limits"


async def place_of(resources: Resources, step_id: UUID, *, held_back: bool) -> dict[str, Any] | None:
    """Return a waiting step's ``position``, the ``turns`` and own steps before it, what it is ``blocked_by``, and when
    it is tried again if it failed; None if it does not wait, or while Redis does not answer. ``held_back``: a quota
    keeps it out of the queue."""
    if held_back:
        async with resources.database.reader() as reader:
            own = await held_store.before(reader, step_id)
        if own is not None:
            return {"position": own + 1, "turns": 0, "own_before": own, "blocked_by": [HELD_BACK], "retry_at": None}
    try:
        async with asyncio.timeout(PATIENCE):
            return await Fleet(resources.redis, resources.settings.queue_prefix).place(str(step_id))
    except (RedisError, TimeoutError, OSError):
        return None
