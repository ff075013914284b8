"""What the orchestrator counts. Each process counts what it committed itself; Prometheus adds them up."""

from collections.abc import Iterable
from typing import get_args

from emprops.jobs.store import StepState
from emprops.kit.database import Transaction
from emprops.kit.telemetry.metrics import DURATIONS, OTHER, Bounded, counter, histogram
from emprops.queue.messages import FailureKind, Report

FAILURES = frozenset(get_args(FailureKind))

_job_type = Bounded()  # workflows name job types as they like

JOBS_STARTED = counter("jobs_started", "Jobs that were started.", "kind")
JOBS_RETRIED = counter("jobs_retried", "Retries of jobs.")
JOBS_ENDED = counter("jobs_ended", "Jobs that ended: completed, failed or cancelled.", "status")
CREDIT_FAULTS = counter("credit_faults", "Holds without an open job, and open jobs without one.", "fault", "mended")
for _fault, _mended in (
    ("hold_without_job", "released"),
    ("hold_without_job", "captured"),
    ("job_without_hold", "held"),
    ("job_without_hold", "failed"),
):
    CREDIT_FAULTS.labels(_fault, _mended)  # from 0, or the first of each would be no increase for an alert
USAGE_MISSING = counter("usage_missing", "Completed steps priced by usage that reported none: they cost the minimum.")
TICKETS_SENT = counter("tickets_sent", "Tickets put into the queue, by what it made of them.", "answer")
REPORTS = counter("step_reports", "Reports about steps that were recorded.", "kind", "job_type")
IGNORED = counter("step_reports_ignored", "Reports that came too late, or said nothing new.")
WAITS = histogram("step_wait_seconds", "Time that tickets waited to be claimed.", "job_type", buckets=DURATIONS)
RUNS = histogram(
    "step_run_seconds",
    "Time from a claim to its end, with storing the files.",
    "job_type",
    "outcome",
    buckets=DURATIONS,
)


def count_reports(applied: Iterable[tuple[Report, StepState]]) -> None:
    """Count what was recorded and committed."""
    for report, step in applied:
        job_type = _job_type(step.step_type)
        REPORTS.labels(report.kind, job_type).inc()
        seconds = report.seconds
        if seconds is not None and report.kind == "started":
            WAITS.labels(job_type).observe(seconds)
        elif seconds is not None:
            RUNS.labels(job_type, _outcome(report)).observe(seconds)


def _outcome(report: Report) -> str:
    failure = report.finished.failure if report.finished else None
    return "completed" if failure is None else failure if failure in FAILURES else OTHER


def count_end(tx: Transaction, status: str) -> None:
    """Count the end of a job, once it is committed."""
    tx.after_commit(JOBS_ENDED.labels(status).inc)
