"""What graphs can be made of on the machines that live: workers show it, apis convert saved workflows with it.

Kept under its digest, so that machines with equal installations share one.
"""

import hashlib
from typing import Any

from redis.asyncio import Redis

from emprops.queue.fleet import TTL
from emprops.queue.keys import KEYS

MAX_BYTES = 2 * 1024 * 1024
MOST = 8
"""Catalogues that are looked at, the newest first."""


class Catalogues:
    """Packed catalogues; what is in one is for connectors to know."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def show(self, packed: bytes) -> None:
        """Put one there, or keep it there for another two minutes. One that is too large is left out."""
        if not packed or len(packed) > MAX_BYTES:
            return
        digest = hashlib.sha256(packed).hexdigest()
        seconds, micros = await self.redis.time()
        now = int(seconds) * 1000 + int(micros) // 1000
        key = f"{self.prefix}{KEYS.catalogue}{digest}"
        pipe = self.redis.pipeline(transaction=False)
        if not await self.redis.expire(key, TTL):
            pipe.set(key, packed, ex=TTL)
        pipe.zadd(self.prefix + KEYS.catalogues, {digest: now})
        pipe.zremrangebyscore(self.prefix + KEYS.catalogues, "-inf", now - TTL * 1000)
        await pipe.execute()

    async def all(self) -> list[bytes]:
        """Return those of live workers, the newest first."""
        digests = await self.redis.zrevrange(self.prefix + KEYS.catalogues, 0, MOST - 1)
        if not digests:
            return []
        found = await self.redis.mget([f"{self.prefix}{KEYS.catalogue}{digest.decode()}" for digest in digests])
        return [packed for packed in found if packed is not None]
