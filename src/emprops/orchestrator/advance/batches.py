"""Which of the reports that were read are processed together: a job costs least when it goes with others, and once."""

from collections.abc import Sequence
from typing import Final

from emprops.queue.messages import Report

COMPANY: Final = 0.01
"""Seconds that a report waits at most for others: that a run began, for its end; that it ended, for the ends of other
jobs, where several came at once before. Nobody sees the difference on a screen, and an end by itself never waits."""
UNHURRIED: Final = 2.0
"""Seconds to wait for reports while none is held."""


class Batches:
    """What one consumer has read and not processed yet. It stays unacknowledged, so it is not lost with the process."""

    def __init__(self) -> None:
        self._held: list[tuple[float, Report]] = []
        self._crowded = False

    def wait(self, now: float) -> float:
        """Return how many seconds to wait for more reports. ``now`` is on a clock that never goes back."""
        return max(0.001, self._held[0][0] - now) if self._held else UNHURRIED

    def due(self, new: Sequence[Report], now: float) -> list[Report]:
        """Take what was read, and return what is to be processed now, each job's reports together and in order.

        Those are the jobs of which a report has waited long enough, and with them all of which more is told than that a
        run began.
        """
        for report in new:
            waits = report.kind == "started" or self._crowded
            self._held.append((now + COMPANY if waits else now, report))
        moving = {report.job_id for until, report in self._held if until <= now}
        if not moving:
            return []
        moving |= {report.job_id for _, report in self._held if report.kind != "started"}
        due = [report for _, report in self._held if report.job_id in moving]
        self._held = [entry for entry in self._held if entry[1].job_id not in moving]
        self._crowded = len(moving) > 1
        return due
