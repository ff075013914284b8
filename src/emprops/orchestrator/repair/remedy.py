"""What Redis' attestation means for a step from which PostgreSQL has heard nothing. Pure.

=====================================  ================================================
Redis says                             what happens
=====================================  ================================================
attestation completed or failed            it is applied, as the report that got lost
attestation cancelled                      the step fails; its job is open, so somebody else
                                       took the ticket out
ticket waits, is claimed or delayed    still processing: its time of last news is now
nothing                                the ticket is sent again; once that has not helped
                                       for long, the step fails
=====================================  ================================================
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Any

import orjson

from emprops.jobs.stale_store import StaleStep
from emprops.queue.messages import Finished, Report
from emprops.queue.reports import parse_report

ALIVE = frozenset({"waiting", "claimed", "delayed"})
UNKNOWN_AFTER = 30 * 60.0
"""Seconds after which a step that Redis does not know, although its ticket was sent again, is given up."""


class Remedy(Enum):
    """What to do about a step when no report settles it."""

    TOUCH = auto()
    SEND_AGAIN = auto()


def remedy(
    step: StaleStep,
    *,
    ticket: str | None,
    attestation: Mapping[str, Any] | None,
    unknown_after: float = UNKNOWN_AFTER,
) -> Remedy | Report:
    """Decide about one step: a report to be applied, or what else to do."""
    if attestation is not None and attestation["kind"] == "cancelled":
        reason = attestation.get("reason") or "no reason was given"
        return failure(step, f"The step was taken out of the queue: {reason}")
    if attestation is not None:
        report = parse_report("", orjson.dumps(dict(attestation)))
        return replace(report, attempt=max(report.attempt, step.attempt))  # an attestation speaks for the whole run
    if ticket in ALIVE:
        return Remedy.TOUCH
    if step.age >= unknown_after and step.sent_again:
        return failure(
            step,
            f"The queue lost this step more than once and knows nothing of it after {step.age / 60:.0f} minutes;"
            " retry the job.",
        )
    return Remedy.SEND_AGAIN


def failure(step: StaleStep, sentence: str) -> Report:
    """Make the report that fails a step for good."""
    return Report(
        entry_id="",
        kind="failed",
        step_id=str(step.id),
        job_id=str(step.job_id),
        run=step.run,
        attempt=step.attempt,
        worker_id="",
        at=0,
        finished=Finished(failure="final", error=sentence, details={"code": "reconciled"}),
    )
