"""What comes of a batch of reports."""

from dataclasses import dataclass, field
from uuid import UUID

from emprops.jobs import dispatch_store
from emprops.jobs import store as jobs
from emprops.kit.telemetry import tracing
from emprops.queue.messages import Report


@dataclass(slots=True)
class Effects:
    """What a batch changed, and what Redis must hear of it once it has committed."""

    ready: list[dispatch_store.ReadyStep] = field(default_factory=list)
    closed: list[dispatch_store.ClosedStep] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    ignored: int = 0
    applied: list[tuple[Report, jobs.StepState]] = field(default_factory=list)
    """Reports that were recorded, each with its step."""
    ended: dict[UUID, str] = field(default_factory=dict)
    """Jobs that ended, and how."""


def trace(effects: Effects, seconds: float) -> None:
    """Make the spans of recording how runs ended, each below its run, and of the ends of jobs."""
    for report, step in effects.applied:
        if report.finished is not None and report.finished.trace:
            about = {"emprops.job_id": str(step.job_id), "emprops.step_id": str(step.id), "emprops.kind": report.kind}
            applied = tracing.record("orchestrator.apply", about, parent=report.finished.trace, seconds=seconds)
            status = effects.ended.pop(step.job_id, None)
            if status is not None:
                tracing.record("job.end", {**about, "emprops.status": status}, parent=applied, seconds=0.0)
