"""What there is to see of the queue and its workers, remembered for a moment (``kit/remembered.py``)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from emprops.kit.remembered import Remembered
from emprops.observe.demand import Capability, Fleet, capabilities
from emprops.queue.fleet import Fleet as LiveFleet
from emprops.queue.fleet import WorkerInfo
from emprops.queue.survey import Survey, survey

if TYPE_CHECKING:
    from emprops.kit.web.endpoint import Resources  # the command line looks too, and loads no web framework

BELIEVED = 2.0
"""Seconds for which what was seen is shown again."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The queue and the fleet, as they were seen together."""

    queue: Survey
    workers: Sequence[WorkerInfo]
    """All live ones, also those that do not claim."""
    fleet: Fleet
    """Those that claim."""
    capabilities: Sequence[Capability]
    """What has something to do, what waits for most first."""


async def look(redis: Redis, prefix: str) -> Sight:
    """Look at queue and fleet. Raises redis-py's connection errors."""
    found, workers = await asyncio.gather(survey(redis, prefix), LiveFleet(redis, prefix).workers())
    fleet = Fleet.of(workers)
    return Sight(found, workers, fleet, capabilities(found.loads, fleet))


def lookout() -> "Remembered[Resources, Sight]":
    """Make what an api process looks through."""
    return Remembered(lambda resources: look(resources.redis, resources.settings.queue_prefix), BELIEVED)
