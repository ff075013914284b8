"""How much there is to do, over the whole queue: what waits, what runs, and for how long, by requirement."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from redis.asyncio import Redis

from emprops.queue.keys import KEYS
from emprops.queue.scripts import Scripts
from emprops.queue.type_limits import TypeLimits

MOST_SIGNATURES = 1_000
"""Signatures looked at; of more, those registered last."""
PART = 50
"""Signatures of one call, so that none holds Redis up for long: 1 to 2 ms, measured with three priorities in each."""
MOST_CLAIMS = 1_000
"""Claims whose signature is looked up."""


@dataclass(frozen=True, slots=True)
class Load:
    """What waits and runs of one requirement. Times are seconds."""

    requirement: dict[str, Any]
    """Job type, models, custom nodes and connector capabilities, as stored with the signature."""
    waiting: int
    oldest_wait: float
    """Of the tickets that come first in each priority: since when the longest of these waits."""
    running: int
    longest_run: float
    limited: int = 0
    """Of those waiting, how many may not begin now, because enough of their job type runs in the fleet or has begun in
    this minute."""


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
    held_back: Mapping[str, int] = field(default_factory=dict)
    """Ready steps that quotas keep out of the queue, by job type."""

    @property
    def waiting(self) -> int:
        """Tickets that wait for a worker."""
        return sum(load.waiting for load in self.loads)


async def survey(redis: Redis, prefix: str, *, most: int = MOST_SIGNATURES, part: int = PART) -> Survey:
    """Look at the queue, in several short calls. Raises redis-py's connection errors."""
    scripts = Scripts(redis, prefix)
    claimed, delayed, dead, late, signatures, reports, oldest, *running = await scripts("survey", MOST_CLAIMS)
    waiting: list[Any] = []
    for first in range(0, min(signatures, most), part):
        waiting += await scripts("waiting", first, min(part, most - first))
    limits, held_back = await _kept_back(redis, prefix)
    return Survey(
        loads=tuple(_limited(_loads(waiting, running), limits)),
        held_back=held_back,
        claimed=claimed,
        delayed=delayed,
        dead=dead,
        late=late,
        signatures=signatures,
        reports=reports,
        oldest_report=oldest / 1000,
    )


async def _kept_back(redis: Any, prefix: str) -> tuple[dict[str, TypeLimits], dict[str, int]]:
    pipe = redis.pipeline(transaction=False).hgetall(prefix + KEYS.type_limits).hgetall(prefix + KEYS.held_back)
    limits, held_back = await pipe.execute()
    return (
        {job_type.decode(): TypeLimits.of(text.decode()) for job_type, text in limits.items()},
        {job_type.decode(): int(count) for job_type, count in held_back.items()},
    )


def _limited(loads: Sequence[Load], limits: Mapping[str, TypeLimits]) -> Iterator[Load]:
    """Note how many of each may not begin now. A minute's allowance counts as unused."""
    rooms: dict[str, float] = {}
    for job_type, limit in limits.items():
        running = sum(load.running for load in loads if load.requirement["job_type"] == job_type)
        room = math.inf if limit.concurrency is None else max(0, limit.concurrency - running)
        rooms[job_type] = min(room, math.inf if limit.per_minute is None else limit.per_minute)
    for load in loads:
        job_type = load.requirement["job_type"]
        if job_type not in rooms:
            yield load
            continue
        may = min(load.waiting, rooms[job_type])
        rooms[job_type] -= may
        yield replace(load, limited=load.waiting - int(may))


def _loads(waiting: Iterable[Sequence[Any]], running: Iterable[Sequence[Any]]) -> tuple[Load, ...]:
    waits, runs = ({row[0]: row[1:] for row in rows if row[1] is not None} for rows in (waiting, running))
    nothing = (None, 0, 0)
    loads = []
    for signature in waits | runs:
        requirement, count, oldest = waits.get(signature, nothing)
        also, run, longest = runs.get(signature, nothing)
        loads.append(Load(orjson.loads(requirement or also), count, oldest / 1000, run, longest / 1000))
    return tuple(loads)
