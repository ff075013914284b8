"""How many steps of a job type run at once in the whole fleet, and begin within a minute. ``lua/type_limits.lua`` keeps
to it; policies say what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from emprops.queue.keys import KEYS


@dataclass(frozen=True, slots=True)
class TypeLimits:
    """What of a job type may go on in the whole fleet; None: any number."""

    concurrency: int | None = None
    """Steps that run at once."""
    per_minute: int | None = None
    """Steps that begin within any 60 seconds."""

    @property
    def text(self) -> str:
        """The limits as Redis has them."""
        return ":".join("" if number is None else str(number) for number in (self.concurrency, self.per_minute))

    @classmethod
    def of(cls, text: str) -> "TypeLimits":
        """Read what :attr:`text` wrote."""
        concurrency, _, per_minute = text.partition(":")
        return cls(*(int(number) if number else None for number in (concurrency, per_minute)))


async def show_limits(redis: Redis, prefix: str, limits: Mapping[str, TypeLimits]) -> None:
    """Have these job types limited, and no others. Raises redis-py's connection errors."""
    key = prefix + KEYS.type_limits
    pipe = redis.pipeline()
    pipe.delete(key)
    if limits:
        pipe.hset(key, mapping={job_type: limit.text for job_type, limit in limits.items()})
    await pipe.execute()


async def what_is_full(redis: Any, prefix: str, job_type: str) -> list[str]:
    """Return which limits keep steps of a job type from beginning now, in words."""
    text = await redis.hget(prefix + KEYS.type_limits, job_type)
    if text is None:
        return []
    limits, (seconds, _) = TypeLimits.of(text.decode()), await redis.time()
    found = []
    if limits.concurrency is not None and await _running(redis, prefix, job_type) >= limits.concurrency:
        found.append(f"the limit of {limits.concurrency} {job_type} steps at once")
    begun = f"{prefix}{KEYS.type_begun}{job_type}"
    if limits.per_minute is not None and await redis.zcount(begun, (seconds - 60) * 1000, "+inf") >= limits.per_minute:
        found.append(f"the limit of {limits.per_minute} {job_type} steps a minute")
    return found


async def _running(redis: Any, prefix: str, job_type: str) -> int:
    pipe = redis.pipeline(transaction=False)
    for step in await redis.zrange(f"{prefix}{KEYS.type_runs}{job_type}", 0, -1):
        pipe.hget(f"{prefix}{KEYS.ticket}{step.decode()}", "state")
    return sum(state == b"claimed" for state in await pipe.execute())
