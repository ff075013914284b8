"""What each capability is asked for, and how many workers that calls for. Pure.

The formula, for one requirement and for any choice of requirements alike::

    wanted_workers = ceil((waiting - limited + running) / slots)

``limited`` steps may not begin now, however many workers there are: enough of their job type runs in the fleet.
``slots`` is how many of such steps one worker runs at once: the mean of the live workers that can run it, 1 if there is
none. So nothing to do wants 0, and a single ticket that no live worker can run wants 1.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emprops.queue.fleet import WorkerInfo
from emprops.queue.matching import class_of, missing
from emprops.queue.survey import Load

ACCEPTING = frozenset({"idle", "busy"})
"""States of workers that claim; others are on their way out, or held back."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The workers that claim, by class."""

    by_class: Mapping[str, Sequence[WorkerInfo]]

    @classmethod
    def of(cls, workers: Iterable[WorkerInfo]) -> "Fleet":
        """Sort live workers into classes; those that do not claim are left out."""
        by_class: dict[str, list[WorkerInfo]] = {}
        for worker in workers:
            if worker.status in ACCEPTING:
                by_class.setdefault(class_of(worker.offers), []).append(worker)
        return cls(by_class)

    def able(self, requirement: Mapping[str, Any]) -> frozenset[str]:
        """Name the classes that can run something."""
        return frozenset(name for name, workers in self.by_class.items() if not missing(requirement, workers[0].offers))

    def members(self, classes: Iterable[str]) -> list[WorkerInfo]:
        """List the workers of these classes."""
        return [worker for name in classes for worker in self.by_class[name]]


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one requirement, or of several together. Times are seconds."""

    waiting: int
    running: int
    oldest_wait: float
    longest_run: float
    workers: int
    """Live workers that can run it, or one of them."""
    free_slots: int
    """How many steps more those could run now. Requirements that the same workers can run share these."""
    limited: int
    """Of those waiting, how many may not begin now, however many workers there are."""
    wanted_workers: int


@dataclass(frozen=True, slots=True)
class Capability:
    """One requirement, and what is asked of it."""

    requirement: Mapping[str, Any]
    classes: frozenset[str]
    """Classes of workers that can run it."""
    load: Load
    demand: Demand = field(repr=False)


def slots_of(worker: WorkerInfo, job_types: Collection[str]) -> int:
    """Say how many steps of these types a worker runs at once: types may have slots of their own, the others share."""
    own = sum(worker.slots.get(job_type, 0) for job_type in job_types)
    shared = worker.concurrency - sum(worker.slots.values())
    return own + (shared if any(job_type not in worker.slots for job_type in job_types) else 0)


def wanted_workers(waiting: int, running: int, slots: Sequence[int]) -> int:
    """Say how many workers this much work calls for. ``slots``: how much of it each worker there runs at once."""
    return math.ceil((waiting + running) / (sum(slots) / len(slots) if sum(slots) else 1))


def capabilities(loads: Iterable[Load], fleet: Fleet) -> list[Capability]:
    """Say what is asked of each requirement; what waits for most comes first."""
    found = []
    for load in loads:
        classes = fleet.able(load.requirement)
        found.append(Capability(load.requirement, classes, load, _demand([load], fleet.members(classes))))
    return sorted(found, key=lambda one: (-one.demand.waiting, -one.demand.oldest_wait))


def together(chosen: Sequence[Capability], fleet: Fleet, *, also: Mapping[str, Any] | None = None) -> Demand:
    """Add several requirements up. Each worker counts once; ``also`` counts those, too, that could run this."""
    classes = frozenset().union(*(one.classes for one in chosen), fleet.able(also) if also else ())
    job_types = frozenset({str(also["job_type"])} if also else ())
    return _demand([one.load for one in chosen], fleet.members(classes), job_types)


def _demand(loads: Sequence[Load], workers: Sequence[WorkerInfo], job_types: frozenset[str] = frozenset()) -> Demand:
    waiting, running = sum(load.waiting for load in loads), sum(load.running for load in loads)
    wanted = job_types | {str(load.requirement["job_type"]) for load in loads}
    slots = [slots_of(worker, wanted & worker.offers.keys()) for worker in workers]
    limited = sum(load.limited for load in loads)
    idle = [max(0, worker.concurrency - len(worker.current)) for worker in workers]
    return Demand(
        waiting=waiting,
        running=running,
        oldest_wait=max((load.oldest_wait for load in loads), default=0.0),
        longest_run=max((load.longest_run for load in loads), default=0.0),
        workers=len(workers),
        free_slots=sum(map(min, slots, idle)),
        limited=limited,
        wanted_workers=wanted_workers(waiting - limited, running, slots),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Which requirements are asked about: those of a job type that need at least these."""

    job_type: str | None = None
    models: tuple[str, ...] = ()
    custom_nodes: tuple[str, ...] = ()

    def takes(self, requirement: Mapping[str, Any]) -> bool:
        """Return whether a requirement is meant."""
        return (
            self.job_type in (None, requirement["job_type"])
            and set(self.models) <= set(requirement.get("models") or ())
            and set(self.custom_nodes) <= set(requirement.get("custom_nodes") or ())
        )

    def requirement(self) -> dict[str, Any] | None:
        """Return the choice as a requirement: workers that could run it count also while nothing of it waits."""
        if self.job_type is None:
            return None
        return {"job_type": self.job_type, "models": self.models, "custom_nodes": self.custom_nodes}
