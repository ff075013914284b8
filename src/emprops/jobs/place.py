"""Where a waiting job stands in the queue, as far as that can be told without waiting for it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from emprops.jobs import held_store
from emprops.kit.web.endpoint import Resources
from emprops.queue.fleet import Fleet

PATIENCE = 1.0
"""Seconds to wait for Redis. The job's state does not depend on it, so a reader is not kept longer."""
_BLOCKED = {
    "no live worker": "No worker is running.",
    "no live worker that is not paused": "Every worker that can run it is paused.",
}
HELD_BACK = "the quota of running steps: others must end first, see GET /me/limits"


async def place_of(resources: Resources, step_id: UUID, *, held_back: bool) -> dict[str, Any] | None:
    """Return a waiting step's ``position``, the ``turns`` and own steps before it, what it is ``blocked_by``, when it
    is tried again if it failed, and a ``sentence`` of it; None if it does not wait, or while Redis does not answer.
    ``held_back``: a quota keeps it out of the queue."""
    if held_back:
        async with resources.database.reader() as reader:
            own = await held_store.before(reader, step_id)
        if own is not None:
            place = {"position": own + 1, "turns": 0, "own_before": own, "blocked_by": [HELD_BACK], "retry_at": None}
            return place | {"sentence": sentence_of(place)}
    try:
        async with asyncio.timeout(PATIENCE):
            found = await Fleet(resources.redis, resources.settings.queue_prefix).place(str(step_id))
    except (RedisError, TimeoutError, OSError):
        return None
    return None if found is None else found | {"sentence": sentence_of(found)}


def sentence_of(place: Mapping[str, Any]) -> str:
    """Return the sentence that tells people why a step waits."""
    if place["retry_at"] is not None:
        return f"It failed, and is tried again at {place['retry_at']:%H:%M:%S} UTC."
    blocked: list[str] = place["blocked_by"]
    if blocked == [HELD_BACK]:
        return "Your quota of running steps is used up: others of yours must end first."
    if blocked:
        return _BLOCKED.get(blocked[0], f"No live worker can run it now: {', '.join(blocked)}.")
    if place["position"] == 1:
        return "It is next, as soon as a worker is free."
    before = []
    if place["turns"]:
        before.append(
            "the turn of 1 other user" if place["turns"] == 1 else f"the turns of {place['turns']} other users"
        )
    if place["own_before"]:
        before.append("1 step of yours" if place["own_before"] == 1 else f"{place['own_before']} steps of yours")
    return f"It is number {place['position']} in the queue" + (f", after {' and '.join(before)}." if before else ".")
