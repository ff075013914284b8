"""What an attempt means for the delivery and for its endpoint. Pure."""

from dataclasses import dataclass
from typing import Final

MINUTE, HOUR = 60.0, 3600.0
DELAYS: Final = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds after each failed try, 76 hours in all; after one more try the delivery is given up."""
JITTER = 0.1
"""Each delay is longer or shorter by up to this share, so that what failed together does not come back together."""
SLOW_DOWN: Final = frozenset({429, 502, 503, 504})
GONE: Final = 410

OPEN_AFTER = 5
"""Failures in a row after which an endpoint gets one delivery at a time, and none for a while."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, HOUR
HOPELESS_DAYS = 5
HOPELESS_FAILURES = 10
"""An endpoint that only failed for so many days, and so many times, is disabled."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended. ``status`` None: there was no answer, and ``error`` says why."""

    status: int | None
    body: str = ""
    retry_after: float | None = None
    error: str | None = None
    duration: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the receiver has it: 2xx, nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def failure(self) -> str | None:
        """Why it was not taken, in a sentence; None if it was."""
        if self.taken:
            return None
        if self.status is None:
            return self.error
        what = "redirects, which is not followed" if 300 <= self.status < 400 else "did not take it"
        return f"The receiver {what}: it answered {self.status}."


def next_delay(answer: Answer, tries: int, chance: float) -> float | None:
    """Return the seconds until the next try of a delivery that failed ``tries`` times; None gives it up.

    ``chance``: a random number from 0 to 1.
    """
    if answer.status == GONE or tries > len(DELAYS):
        return None
    delay = DELAYS[tries - 1] * (1 + JITTER * (2 * chance - 1))
    return max(delay, asked_pause(answer))


def asked_pause(answer: Answer) -> float:
    """Return the seconds for which the receiver wants to be left alone."""
    return (answer.retry_after or 0.0) if answer.status in SLOW_DOWN else 0.0


def pause_after(failures: int, answer: Answer) -> float:
    """Return the seconds for which an endpoint is sent nothing after so many failures in a row; 0: none."""
    circuit = 0.0
    if failures >= OPEN_AFTER:
        circuit = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - OPEN_AFTER, 20))
    return max(circuit, asked_pause(answer))


def reason_to_disable(answer: Answer, failures: int, failing_for: float) -> str | None:
    """Say why an endpoint must not be sent anything any more; None: it may. ``failing_for``: seconds since its first
    failure in a row."""
    if answer.status == GONE:
        return "The receiver answered 410 Gone."
    if failures >= HOPELESS_FAILURES and failing_for >= HOPELESS_DAYS * 24 * HOUR:
        return f"Nothing could be delivered for {HOPELESS_DAYS} days. The last failure: {answer.failure}"
    return None
