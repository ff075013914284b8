"""What a running job is making right now. It is kept in Redis only, and is no record: a missing preview is no fault."""

import asyncio
import base64
from typing import Any, Literal
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from emprops.queue.previews import Previews, Shown

PATIENCE = 1.0
"""Seconds to wait for Redis."""
Way = Literal["url", "inline"]
"""How a stream shows pictures: by the URL where they are, or in the event itself."""


async def latest_preview(redis: Redis, prefix: str, job_id: UUID, *, after: int = 0) -> Shown | None:
    """Return a job's preview, if there is one newer than number ``after``; None too while Redis does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await Previews(redis, prefix).latest(str(job_id), after=after)
    except (RedisError, TimeoutError, OSError):
        return None


async def said_of(redis: Redis, prefix: str, job_id: UUID) -> str:
    """Return what was last said of a running job's progress; empty too while Redis does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await Previews(redis, prefix).said(str(job_id))
    except (RedisError, TimeoutError, OSError):
        return ""


def as_event(job_id: UUID, shown: Shown, way: Way) -> dict[str, Any]:
    """Return a preview as a stream shows it. Texts are in it; pictures as ``way`` says."""
    preview = shown.preview
    event = {"id": job_id, "step_id": shown.step_id, "seq": shown.seq, "mime_type": preview.mime_type}
    if preview.node:
        event["node"] = preview.node
    if preview.mime_type == "text/plain":
        return event | {"text": preview.content.decode("utf-8", "replace")}
    if way == "inline":
        encoded = base64.b64encode(preview.content).decode()
        return event | {"data_url": f"data:{preview.mime_type};base64,{encoded}"}
    return event | {"url": f"/api/jobs/{job_id}/preview?seq={shown.seq}"}
