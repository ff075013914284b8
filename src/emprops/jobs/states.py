"""The states of a job and of a step, and who may change them. Pure.

Job::

    pending ──first step starts──► processing ──last step done──► completed   (final)
       │                              │
       └────────── error, cancel ─────┴──► failed ──retry──► pending
                                             └──failsafe──► completed

Step::

    pending ──claimed──► processing ──► completed   (final)
       ▲                    │  │
       └─lost, to be retried┘  └──────► failed      (final; a retry of the job makes new steps)

A cancelled job is ``failed`` with the message "Cancelled" and ``cancelled_at``; the API's four states stay the spec's.
Every write is conditional on the states listed here, and the tables' CHECK constraints repeat them.
"""

from enum import StrEnum
from typing import Final


class JobStatus(StrEnum):
    """Status of a job (spec: Get Job Status)."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class StepStatus(StrEnum):
    """Status of a step; the same words."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN: Final = frozenset({"pending", "processing"})
"""States, of jobs and steps alike, that work can still change."""
TERMINAL: Final = frozenset({"completed", "failed"})

JOB_TRANSITIONS: Final = {
    "pending": frozenset({"processing", "completed", "failed"}),
    "processing": frozenset({"completed", "failed", "pending"}),
    "failed": frozenset({"pending", "completed"}),
    "completed": frozenset(),
}
"""processing → pending and failed → pending by retry; failed → completed by failsafe only."""

CANCELLED_MESSAGE: Final = "Cancelled"


def may_become(before: str, after: str) -> bool:
    """Whether a job may go from one state to another."""
    return after in JOB_TRANSITIONS[before]


def overall_progress(finished_steps: int, running_progress: float, total_steps: int) -> float:
    """Progress of a job, 0-100: finished steps count whole, running ones (``running_progress`` is the sum of their
    0-100) by their share."""
    if total_steps == 0:
        return 100.0
    return round(min(100.0, (finished_steps * 100.0 + running_progress) / total_steps), 2)
