"""What a worker needs from the queue, whichever way it reaches it.

``worker_link.py`` and ``registry.py`` are the way over Redis; ``worker/remote/`` is the way over HTTP, for machines
that are not trusted with Redis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from redis.exceptions import RedisError

from emprops.queue.fleet import WorkerInfo
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim, Finished, Preview

AWAY = (RedisError, OSError)
"""What every method raises while the queue cannot be reached: whether the call was carried out is not known then."""

Wake = Literal["work", "cancel"]
"""Why a worker is woken: there may be something to claim, or a step it holds was cancelled."""


class WorkerRefusedError(Exception):
    """The other side does not let this worker in, or not any more: what it holds cannot be renewed or reported."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One finished attempt on its way back."""

    claim: Claim
    finished: Finished


@dataclass(frozen=True, slots=True)
class Turn:
    """Answer of one loop tick: new claims, and which of the finished attempts came too late."""

    claims: tuple[Claim, ...]
    late: tuple[Claim, ...]
    more: bool = False
    """Whether there may be more to claim at once; the worker is not marked as waiting then."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life for one claim, with progress, a preview, and what to remember, if there is news."""

    claim: Claim
    progress: float | None = None
    message: str = ""
    preview: Preview | None = None
    remember: Mapping[str, Any] | None = None
    """For the next attempt, within :func:`~emprops.queue.bounds.remembered`; empty: nothing any more."""


class Transport(Protocol):
    """The loop's side: claim, report, hand back, be woken. Methods raise :data:`AWAY` and ``WorkerRefusedError``."""

    poll: float
    """Seconds between looks at the queue when nothing wakes the worker: the net under the wake-ups."""

    async def turn(self, finished: Sequence[Settled], want: int, offers: WorkerOffers) -> Turn:
        """Settle what ended and claim up to ``want`` tickets, in one call.

        After an error repeat it with the same ``finished``: until an answer comes it carries the same request token,
        so what the lost answer handed out is handed out again, also when nothing more is wanted by then. One call at
        a time.
        """

    async def release(self, claims: Sequence[Claim]) -> int:
        """Hand claims back unharmed: same place in the order, not counted as failures. Returns how many were ours."""

    async def wait(self, timeout: float) -> Wake | None:
        """Block until there is news, at most ``timeout`` seconds; None then."""


class Heartbeat(Protocol):
    """The heartbeat's side: blocking calls, from a thread that the work cannot hold up. Same errors."""

    def beat(self, beats: Sequence[Beat]) -> set[str]:
        """Renew leases and pass progress on. Returns the step ids that are not ours any more: stop their work."""


class Membership(Protocol):
    """The worker's own entry in the fleet; blocking calls with the same errors."""

    def announce(self, info: WorkerInfo) -> bool | None:
        """Announce the worker, what it offers and what it does. Returns whether it should pause; None: as before."""

    def announce_machine(self, info: WorkerInfo, uptime_ms: int) -> None:
        """Publish the machine's status (contract's internal channels; every 15 s)."""

    def withdraw(self, info: WorkerInfo) -> None:
        """Leave the fleet at once."""
