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

A cancelled job is ``failed`` with the message "Cancelled" and ``cancelled_at``; the API keeps the contract's states.
Every write is conditional on the states listed here, and the tables' CHECK constraints repeat them.
"""

from enum import StrEnum
from typing import Final


class JobStatus(StrEnum):
    """Status of a job; a step has the same four."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN: Final = frozenset({JobStatus.PENDING, JobStatus.PROCESSING})
"""States, of jobs and steps alike, that work can still change."""
TERMINAL: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})

JOB_TRANSITIONS: Final = {
    JobStatus.PENDING: frozenset({JobStatus.PROCESSING, JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING}),
    JobStatus.FAILED: frozenset({JobStatus.PENDING, JobStatus.COMPLETED}),
    JobStatus.COMPLETED: frozenset(),
}
"""processing → pending and failed → pending by retry; failed → completed by failsafe only. What the statements
allow is tested against it."""

CANCELLED_MESSAGE: Final = "Cancelled"


def overall_progress(finished_steps: int, running_progress: float, total_steps: int) -> float:
    """Progress of a job, 0-100: finished steps count whole, running ones (``running_progress`` is the sum of their
    0-100) by their share."""
    if total_steps == 0:
        return 100.0
    return round(min(100.0, (finished_steps * 100.0 + running_progress) / total_steps), 2)
