"""What has to be known of claims whose workers are not trusted: which files they may store and did, and until when
they may be renewed.

Redis holds it next to the claims, so the two can only be lost together.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from emprops.queue.keys import KEYS
from emprops.queue.messages import files_prefix

KEEP = 86_400
"""Seconds that an upload is remembered: longer than any run takes."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in whole under a claim."""

    key: str
    token: str
    """The claim's."""
    size: int
    sha256: str


class RemoteClaims:
    """Time, grants and receipts of claims."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def begin(self, token: str, seconds: float) -> None:
        """Let what was claimed under a token be renewed for that long from now; a repetition changes nothing."""
        await self.redis.set(f"{self.prefix}{KEYS.renewable}{token}", "1", nx=True, px=int(seconds * 1000))

    async def over(self, tokens: Sequence[str]) -> set[str]:
        """Return which of these tokens have had their time."""
        pipe = self.redis.pipeline(transaction=False)
        for token in tokens:
            pipe.exists(f"{self.prefix}{KEYS.renewable}{token}")
        found = await pipe.execute() if tokens else []
        return {token for token, there in zip(tokens, found, strict=True) if not there}

    async def granted(self, step_id: str, token: str) -> str | None:
        """Return what the keys of this claim's files must begin with; None if the claim is not, or no longer, valid."""
        found = await self.redis.hmget(f"{self.prefix}{KEYS.ticket}{step_id}", ["state", "token", "job", "attempt"])
        state, held, job, attempt = found
        if state != b"claimed" or held is None or held.decode() != token:
            return None
        return files_prefix(job.decode(), step_id, int(attempt), token)

    async def named_with(self, step_id: str, token: str, key: str) -> list[str]:
        """Return the queries of the URLs by which the step of a valid claim takes a stored file as input; an empty one
        for a URL without. Nothing: it does not take it, or the claim is not valid."""
        found = await self.redis.hmget(f"{self.prefix}{KEYS.ticket}{step_id}", ["state", "token", "body"])
        state, held, body = found
        if state != b"claimed" or held is None or held.decode() != token:
            return []
        urls = re.finditer(rb'/files/%s(?:\?([^"#\\]*))?["#\\]' % re.escape(key.encode()), body or b"")
        return [(url[1] or b"").decode("utf-8", "replace") for url in urls]

    async def record(self, upload: Upload) -> None:
        """Note that a file is in storage."""
        name = f"{self.prefix}{KEYS.upload}{upload.key}"
        pipe = self.redis.pipeline(transaction=True)
        pipe.hset(name, mapping={"token": upload.token, "size": upload.size, "sha256": upload.sha256})
        pipe.expire(name, KEEP)
        await pipe.execute()

    async def recorded(self, keys: Sequence[str]) -> dict[str, Upload]:
        """Look up files by their keys; unknown ones are missing in the answer."""
        if not keys:
            return {}
        pipe = self.redis.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(f"{self.prefix}{KEYS.upload}{key}", ["token", "size", "sha256"])
        return {
            key: Upload(key, token.decode(), int(size), sha256.decode())
            for key, (token, size, sha256) in zip(keys, await pipe.execute(), strict=True)
            if token is not None
        }
