"""Job types that a workflow names and nobody serves: its jobs would wait for a worker that may never come."""

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.connectors.registry import JOB_TYPES
from emprops.kit.nearest import did_you_mean
from emprops.queue.fleet import Fleet


def job_type_of(kind: str, data: Any) -> str | None:
    """Return the job type that a checked definition names; None if its type decides, or a field of its form does."""
    if kind == "direct_job":
        named = data["job"].get("service_required")
    else:
        named = data.get("job_type") if kind == "dynamic_json" else None
    return named if isinstance(named, str) else None


async def warnings(kind: str, data: Any, redis: Redis, prefix: str) -> list[str]:
    """Return a sentence if no connector of this package and no live worker serves a definition's job type.

    It is no error: the worker that serves it may come later.
    """
    named = job_type_of(kind, data)
    if named is None or named in JOB_TYPES:
        return []
    try:
        live = {job_type for worker in await Fleet(redis, prefix).workers() for job_type in worker.offers}
    except RedisError:
        return []
    return [] if named in live else [_unserved(named, JOB_TYPES | live)]


def _unserved(named: str, known: Iterable[str]) -> str:
    return f"No live worker serves {named}, and no connector that comes with EmProps does.{did_you_mean(named, known)}"
