"""What Redis knows of steps, for people: their tickets, and what it attests about runs that ended."""

from collections.abc import Sequence
from typing import Any

import orjson
from redis.asyncio import Redis

from emprops.queue.keys import KEYS

FIELDS = ("state", "run", "attempt", "failures", "max_failures", "lost", "max_lost", "worker", "avoid", "sig", "reason")
NUMBERS = frozenset({"run", "attempt", "failures", "max_failures", "lost", "max_lost"})


class Records:
    """Reads about given steps. Tokens, which are rights to report, are left out."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def tickets(self, step_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the tickets that are there: their counts, who has them, and until when (``lease_until``) or from when
        on they can be claimed again (``due_at``), Unix milliseconds."""
        if not step_ids:
            return []
        pipe = self.redis.pipeline(transaction=False)
        for step_id in step_ids:
            pipe.hmget(f"{self.prefix}{KEYS.ticket}{step_id}", FIELDS)
        pipe.zmscore(self.prefix + KEYS.leases, list(step_ids))
        pipe.zmscore(self.prefix + KEYS.delayed, list(step_ids))
        *tickets, leases, delayed = await pipe.execute()
        return [
            {"step_id": step_id, **_readable(values), "lease_until": _whole(lease), "due_at": _whole(due)}
            for step_id, values, lease, due in zip(step_ids, tickets, leases, delayed, strict=True)
            if values[0] is not None
        ]

    async def attestations(self, runs: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
        """Return what Redis attests about these (step id, run), in this order; it keeps that for 30 days."""
        if not runs:
            return []
        attestations = await self.redis.mget(
            [f"{self.prefix}{KEYS.attestation}{step_id}:{run}" for step_id, run in runs]
        )
        found = [orjson.loads(attestation) for attestation in attestations if attestation is not None]
        return [{name: value for name, value in attestation.items() if name != "token"} for attestation in found]


def _readable(values: Sequence[bytes | None]) -> dict[str, Any]:
    texts = {
        name: None if value is None else value.decode() or None for name, value in zip(FIELDS, values, strict=True)
    }
    return {name: int(text) if text is not None and name in NUMBERS else text for name, text in texts.items()}


def _whole(score: float | None) -> int | None:
    return None if score is None else int(score)
