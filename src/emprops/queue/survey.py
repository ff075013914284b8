"""How much there is to do, over the whole queue: what waits, what runs, and for how long, by requirement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from emprops.queue.scripts import Scripts

MOST_SIGNATURES = 2_000
"""Signatures looked at; of more, those registered last. 500 with tickets take Redis about a millisecond."""
MOST_CLAIMS = 2_000
"""Claims whose signature is looked up."""


@dataclass(frozen=True, slots=True)
class Load:
    """What waits and runs of one requirement. Times are seconds."""

    requirement: dict[str, Any]
    """Job type, models, custom nodes and connector capabilities, as stored beside the signature."""
    waiting: int
    oldest_wait: float
    """Of the tickets that come first in each priority: since when the longest of these waits."""
    running: int
    longest_run: float


@dataclass(frozen=True, slots=True)
class Survey:
    """The queue at one moment."""

    loads: tuple[Load, ...]
    """Requirements with something to do."""
    claimed: int
    delayed: int
    """Tickets that wait for their next try."""
    dead: int
    """Dead letters of the last 30 days."""
    late: int
    """Reports that were refused because their claim had lapsed, since this Redis began."""
    signatures: int
    """Registered ones, idle or not."""
    reports: int
    """Entries of the report stream that no orchestrator has dealt with."""
    oldest_report: float
    """Seconds."""

    @property
    def waiting(self) -> int:
        """Tickets that wait for a worker."""
        return sum(load.waiting for load in self.loads)


async def survey(redis: Redis, prefix: str) -> Survey:
    """Look at the queue, in one call. Raises redis-py's connection errors."""
    claimed, delayed, dead, late, signatures, reports, oldest, *loads = await Scripts(redis, prefix)(
        "survey", MOST_SIGNATURES, MOST_CLAIMS
    )
    return Survey(
        loads=tuple(_load(parts) for parts in loads if parts[0] is not None),
        claimed=claimed,
        delayed=delayed,
        dead=dead,
        late=late,
        signatures=signatures,
        reports=reports,
        oldest_report=oldest / 1000,
    )


def _load(parts: Sequence[Any]) -> Load:
    requirement, waiting, oldest, running, longest = parts
    return Load(orjson.loads(requirement), waiting, oldest / 1000, running, longest / 1000)
