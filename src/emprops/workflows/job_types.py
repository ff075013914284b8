"""Job types that a workflow names and nobody serves: its jobs would wait for a worker that may never come."""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.connectors.registry import JOB_TYPES
from emprops.kit.nearest import did_you_mean
from emprops.queue.fleet import Fleet
from emprops.workflows.kinds.base import rooted
from emprops.workflows.kinds.direct_job import ROOTS, SERVICE

OWN = {"comfy_workflow": "comfyui", "fetch_api": "fetch_api"}
"""Workflow types with a job type of their own."""


def job_type_of(kind: str, data: Any) -> str | None:
    """Return the job type that a checked definition names; None if its type decides, or a field of its form does."""
    if kind == "direct_job":
        named = data["job"].get("service_required")
    else:
        named = data.get("job_type") if kind == "dynamic_json" else None
    return named if isinstance(named, str) else None


def is_left_to_field(kind: str, data: Any) -> bool:
    """Return whether a field of a checked definition's form may decide the job type."""
    inputs = data.get("inputs", []) if kind == "direct_job" else []
    return any(rooted(item["pathJq"], ROOTS, "payload") == SERVICE for item in inputs)


def uses_of(kind: str, data: Any) -> tuple[str, Any] | None:
    """Return which job type a checked definition uses, and the ``api`` of a ``fetch_api``; None if it names none."""
    if kind in OWN:
        return OWN[kind], data.get("api")
    named = job_type_of(kind, data)
    return None if named is None else (named, None)


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
    if named in live:
        return []
    guess = did_you_mean(named, JOB_TYPES | live)
    return [f"No live worker serves {named}, and no connector that comes with EmProps does.{guess}"]
