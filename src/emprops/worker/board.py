"""What this worker holds right now, shared between the event loop, the connectors' threads and the heartbeat."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from emprops.queue.messages import Claim
from emprops.queue.worker_link import Beat


@dataclass(slots=True)
class Held:
    """One claim in hand."""

    claim: Claim
    abandon: Callable[[], None]
    """Stops the work because the claim is no longer ours. Called from the heartbeat thread."""
    progress: float = 0.0
    message: str = ""
    dirty: bool = False
    renewed_at: float = field(default_factory=time.monotonic)


class Board:
    """Claims by step id. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, claim: Claim, abandon: Callable[[], None]) -> None:
        """Start to hold a claim; its lease counts from now."""
        with self._lock:
            self._held[claim.ticket.id] = Held(claim, abandon)

    def remove(self, claim: Claim) -> None:
        """Stop to hold a claim."""
        with self._lock:
            held = self._held.get(claim.ticket.id)
            if held is not None and held.claim.token == claim.token:
                del self._held[claim.ticket.id]

    def progress(self, claim: Claim, percent: float, message: str) -> None:
        """Note progress; it never falls. The heartbeat takes the latest along."""
        with self._lock:
            held = self._held.get(claim.ticket.id)
            if held is None or held.claim.token != claim.token:
                return
            percent = min(100.0, max(0.0, percent))
            if percent > held.progress or (percent == held.progress and message != held.message):
                held.progress, held.message, held.dirty = percent, message, True

    def beats(self, *, everything: bool) -> list[Beat]:
        """What to send now: news only, or a sign of life for every claim."""
        with self._lock:
            due = [held for held in self._held.values() if everything or held.dirty]
            beats = [Beat(h.claim, h.progress, h.message) if h.dirty else Beat(h.claim) for h in due]
            for held in due:
                held.dirty = False
        return beats

    def unsent(self, beats: list[Beat]) -> None:
        """Take back news that could not be sent."""
        with self._lock:
            for beat in beats:
                held = self._held.get(beat.claim.ticket.id)
                if held is not None and beat.progress is not None:
                    held.dirty = True

    def renewed(self, beats: list[Beat], at: float) -> None:
        """Note that these claims were renewed by a call begun at monotonic time ``at``."""
        with self._lock:
            for beat in beats:
                held = self._held.get(beat.claim.ticket.id)
                if held is not None and held.claim.token == beat.claim.token:
                    held.renewed_at = at

    def overdue(self, horizon: float) -> set[str]:
        """Step ids not renewed since monotonic time ``horizon``."""
        with self._lock:
            return {step_id for step_id, held in self._held.items() if held.renewed_at < horizon}

    def lose(self, step_ids: set[str]) -> None:
        """Claims that are no longer ours: forget them and stop their work."""
        with self._lock:
            gone = [self._held.pop(step_id) for step_id in step_ids if step_id in self._held]
        for held in gone:
            held.abandon()

    def step_ids(self) -> tuple[str, ...]:
        """Ids of the steps in hand."""
        with self._lock:
            return tuple(self._held)

    def claims(self) -> list[Claim]:
        """The claims in hand."""
        with self._lock:
            return [held.claim for held in self._held.values()]
