"""The worker's slots. Job types with slots of their own have a lane each; all others share one.

A lane is a small worker inside the worker: it waits by its own class and asks for what fits into it, so a full lane
neither keeps the others from working nor is woken for what it could not take.
"""

import re
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from emprops.queue.matching import WorkerOffers, lanes_of
from emprops.settings import SettingsError


@dataclass(slots=True, eq=False)
class Lane:
    """Slots that some job types share."""

    slots: int
    offers: WorkerOffers
    running: int = 0
    """Slots in use."""
    hungry: bool = True
    """Whether there may be something to claim."""

    @property
    def free(self) -> int:
        """Slots not in use."""
        return self.slots - self.running

    @property
    def want(self) -> int:
        """How many to ask for: half of the slots a call, so that one half runs while Redis refills the other."""
        return min(self.free, (self.slots + 1) // 2)


@dataclass(slots=True)
class Lanes:
    """All lanes of a worker. ``own`` gives job types slots of their own, ``shared`` is how many all others have."""

    offers: WorkerOffers
    shared: int = 1
    own: Mapping[str, int] = field(default_factory=dict)
    _own: dict[str, Lane] = field(init=False)
    _rest: Lane = field(init=False)
    _order: deque[Lane] = field(init=False)

    def __post_init__(self) -> None:
        self._own = {job_type: Lane(slots, {}) for job_type, slots in self.own.items()}
        self._rest = Lane(self.shared, {})
        self._order = deque([*self._own.values(), self._rest])
        self.offer(self.offers)

    @property
    def total(self) -> int:
        """How many steps may run at once."""
        return sum(lane.slots for lane in self._order)

    @property
    def free(self) -> int:
        """Slots not in use, over all lanes."""
        return sum(lane.free for lane in self._order)

    def of(self, job_type: str) -> Lane:
        """Return the lane in which a job type runs."""
        return self._own.get(job_type, self._rest)

    def waiting_offers(self) -> list[WorkerOffers]:
        """Return the offers by which the worker may be waiting for work."""
        return [lane.offers for lane in self._order if lane.offers]

    def offer(self, offers: WorkerOffers) -> None:
        """Claim by these offers from now on."""
        self.offers = offers
        for lane in self._order:
            lane.offers, lane.hungry = {}, True
        for part in lanes_of(offers, self.own):
            for job_type in part:
                self.of(job_type).offers = part

    def wake(self) -> bool:
        """Something may have come: every lane with a free slot should ask. False if there is none."""
        for lane in self._order:
            lane.hungry = lane.hungry or lane.free > 0
        return any(lane.free > 0 for lane in self._order)

    def next_hungry(self) -> Lane | None:
        """Return the lane that has not asked for longest, of those that should; None if none should."""
        for lane in self._order:
            if lane.hungry and lane.offers and lane.free > 0:
                return lane
        return None

    def roomiest(self) -> Lane:
        """Return the lane with the most free slots."""
        return max(self._order, key=lambda lane: lane.free)

    def served(self, lane: Lane) -> None:
        """Note that a lane has had its turn."""
        if self._order[-1] is not lane:
            self._order.remove(lane)
            self._order.append(lane)


def slots_from(text: str, served: Collection[str]) -> dict[str, int]:
    """Read ``local_image=1,openai_chat=8``: job type → slots of its own.

    Raises :class:`~emprops.settings.SettingsError` for what is no number from 1 up, for a job type this worker does
    not serve, and for one that is named twice.
    """
    slots: dict[str, int] = {}
    for part in filter(None, re.split(r"[,\s]+", text)):
        job_type, _, number = part.partition("=")
        if not number.isdecimal() or int(number) < 1:
            raise SettingsError(
                f"EMPROPS_WORKER_CONCURRENCY_BY_TYPE: {part!r} is not a job type with a number from 1 up, "
                "such as local_image=1."
            )
        if job_type not in served:
            raise SettingsError(
                f"EMPROPS_WORKER_CONCURRENCY_BY_TYPE names {job_type}, which this worker does not serve; "
                f"it serves {', '.join(sorted(served))}."
            )
        if job_type in slots:
            raise SettingsError(f"EMPROPS_WORKER_CONCURRENCY_BY_TYPE names {job_type} twice.")
        slots[job_type] = int(number)
    return slots
