"""Which of the reports that were read are processed together: a job costs least when it goes with others, and once."""

from collections.abc import Sequence
from typing import Final

from emprops.queue.messages import Report

COMPANY: Final = 0.005
"""Seconds that the end of a run waits at most for the ends of other jobs, where several came at once before. An end by
itself never waits."""
BEGINNING: Final = 0.04
"""Seconds that the beginning of a run waits at most for its end. Nobody sees the difference on a screen, and a worker
that took many short steps at once needs so long to end them."""
UNHURRIED: Final = 2.0
"""Seconds to wait for reports while none is held."""


class Batches:
    """What one consumer has read and not processed yet. It stays unacknowledged, so it is not lost with the process."""

    def __init__(self) -> None:
        self._held: list[tuple[float, Report]] = []
        self._crowded = False

    def wait(self, now: float) -> float:
        """Return how many seconds to wait for more reports. ``now`` is on a clock that never goes back."""
        return max(0.001, min(until for until, _ in self._held) - now) if self._held else UNHURRIED

    def due(self, new: Sequence[Report], now: float) -> list[Report]:
        """Take what was read, and return what is to be processed now, each job's reports together and in order.

        Those are the jobs of which a report has waited long enough, and with them all of which more is told than that a
        run began.
        """
        for report in new:
            waits = BEGINNING if report.kind == "started" else COMPANY if self._crowded else 0
            self._held.append((now + waits, report))
        moving = {report.job_id for until, report in self._held if until <= now}
        if not moving:
            return []
        moving |= {report.job_id for _, report in self._held if report.kind != "started"}
        due = [report for _, report in self._held if report.job_id in moving]
        self._held = [entry for entry in self._held if entry[1].job_id not in moving]
        self._crowded = len(moving) > 1
        return due
