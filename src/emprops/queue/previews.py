"""What a running job is making just now, as its worker last showed it."""

from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from emprops.queue.keys import KEYS
from emprops.queue.messages import PREVIEW_TYPES, Preview


@dataclass(frozen=True, slots=True)
class Shown:
    """The latest preview of a job."""

    seq: int
    """Rises with each preview of the job (Unix milliseconds)."""
    step_id: str
    preview: Preview


class Previews:
    """Reads previews."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def said(self, job_id: str) -> str:
        """Return what was last said of a running job's progress; empty if nothing was."""
        said = await self.redis.hget(f"{self.prefix}{KEYS.preview}{job_id}", "said")
        return "" if said is None else str(orjson.loads(said))

    async def latest(self, job_id: str, *, after: int = 0) -> Shown | None:
        """Return a job's preview if there is one that is newer than number ``after``."""
        key = f"{self.prefix}{KEYS.preview}{job_id}"
        if after:
            seq = await self.redis.hget(key, "seq")
            if seq is None or int(seq) <= after:
                return None
        seq, step, kind, node, content = await self.redis.hmget(key, "seq", "step", "type", "node", "content")
        if seq is None or kind.decode() not in PREVIEW_TYPES:  # workers are not all to be trusted with the type
            return None
        return Shown(int(seq), step.decode(), Preview(content, kind.decode(), node.decode("utf-8", "replace")))
