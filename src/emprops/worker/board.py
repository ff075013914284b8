"""What this worker holds right now, shared between the event loop, the connectors' threads and the heartbeat."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from emprops.queue import bounds
from emprops.queue.messages import Claim, Preview
from emprops.queue.transport import Beat

OVERTIME = 60.0
"""Seconds that work gets to stop once its time is up. Then its lease is left to lapse, whatever the work does."""
PREVIEW_INTERVAL = 1.0
"""Seconds between two previews of one step."""


@dataclass(slots=True)
class Held:
    """One claim in hand."""

    claim: Claim
    abandon: Callable[[], None]
    """Stops the work because the claim is no longer ours. Called from the heartbeat thread."""
    renewed_at: float
    """When, at the earliest, the lease was last renewed: monotonic seconds."""
    ends_at: float
    """When it is renewed for the last time."""
    progress: float = 0.0
    message: str = ""
    dirty: bool = False
    doubtful: bool = False
    """Whether to ask for it with the next beat."""
    preview: Preview | None = None
    """The latest one that was not sent yet."""
    shown_at: float = 0.0
    """When a preview was last sent."""
    remember: Mapping[str, Any] | None = None
    """What the next attempt is to know, as long as it was not sent."""
    stored: Callable[[], object] | None = None
    """Told once that is stored."""

    def news(self, now: float) -> Beat:
        """Take what there is to say out of it."""
        beat = Beat(self.claim, self.progress, self.message) if self.dirty else Beat(self.claim)
        self.dirty = self.doubtful = False
        if self.remember is not None:
            beat = replace(beat, remember=self.remember)
            self.remember = None
        if self.shows(now):
            beat = replace(beat, preview=self.preview)
            self.preview, self.shown_at = None, now
        return beat

    @property
    def has_news(self) -> bool:
        """Whether there is something to say or to ask at once."""
        return self.dirty or self.doubtful or self.remember is not None

    def shows(self, now: float) -> bool:
        """Whether a preview is due."""
        return self.preview is not None and now - self.shown_at >= PREVIEW_INTERVAL


class Board:
    """Claims by step id. Every method may be called from any thread."""

    def __init__(self, *, overtime: float = OVERTIME) -> None:
        self.overtime = overtime
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, claim: Claim, abandon: Callable[[], None], since: float) -> None:
        """Start to hold a claim that was asked for at monotonic time ``since``; its lease counts from then."""
        ends_at = time.monotonic() + claim.ticket.limits.max_run_time + self.overtime
        with self._lock:
            before = self._held.get(claim.ticket.id)
            self._held[claim.ticket.id] = Held(claim, abandon, since, ends_at)
        if before is not None:  # its lease lapsed unnoticed, and nobody asks for it from now on
            before.abandon()

    def remove(self, claim: Claim) -> None:
        """Stop to hold a claim."""
        with self._lock:
            if self._find(claim) is not None:
                del self._held[claim.ticket.id]

    def progress(self, claim: Claim, percent: float, message: str) -> None:
        """Note progress; it never falls. The heartbeat takes the latest along."""
        percent = min(100.0, max(0.0, float(percent)))
        message = bounds.line(message, bounds.MAX_MESSAGE)
        with self._lock:
            held = self._find(claim)
            if held is None:
                return
            if percent > held.progress or (percent == held.progress and message != held.message):
                held.progress, held.message, held.dirty = percent, message, True

    def preview(self, claim: Claim, preview: Preview) -> None:
        """Note a look at the work, in place of one that was not sent yet."""
        with self._lock:
            held = self._find(claim)
            if held is not None:
                held.preview = preview

    def remember(self, claim: Claim, work: Mapping[str, Any], stored: Callable[[], object]) -> None:
        """Note what the next attempt at the step is to know, in place of what was noted before. ``stored`` is called
        from the heartbeat's thread once it is safe."""
        with self._lock:
            held = self._find(claim)
            if held is not None:
                held.remember, held.stored = work, stored

    def beats(self, *, everything: bool) -> list[Beat]:
        """What to send now: news only, or a sign of life for every claim."""
        now = time.monotonic()
        with self._lock:
            return [
                held.news(now)
                for held in self._held.values()
                if (everything or held.has_news or held.shows(now)) and now < held.ends_at
            ]

    def doubt(self) -> None:
        """A claim may have been cancelled: ask for all of them with the next beat."""
        with self._lock:
            for held in self._held.values():
                held.doubtful = True

    def unsent(self, beats: list[Beat]) -> None:
        """Take back news that could not be sent."""
        with self._lock:
            for beat in beats:
                held = self._find(beat.claim)
                if held is None:
                    continue
                held.dirty = held.dirty or beat.progress is not None
                held.preview = held.preview or beat.preview
                held.remember = beat.remember if held.remember is None else held.remember

    def renewed(self, beats: list[Beat], at: float) -> None:
        """Note that these claims were renewed by a call begun at monotonic time ``at``."""
        with self._lock:
            for beat in beats:
                held = self._find(beat.claim)
                if held is None:
                    continue
                held.renewed_at = at
                if beat.remember is not None and held.remember is None and held.stored is not None:
                    held.stored()
                    held.stored = None

    def overdue(self, horizon: float) -> list[Claim]:
        """Claims not renewed since monotonic time ``horizon``."""
        with self._lock:
            return [held.claim for held in self._held.values() if held.renewed_at < horizon]

    def lose(self, claims: Iterable[Claim]) -> None:
        """Claims that are no longer ours: forget them and stop their work. A newer claim to the same step stays."""
        with self._lock:
            gone = [held for held in map(self._find, claims) if held is not None]
            for held in gone:
                del self._held[held.claim.ticket.id]
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

    def _find(self, claim: Claim) -> Held | None:
        held = self._held.get(claim.ticket.id)
        return held if held is not None and held.claim.token == claim.token else None
