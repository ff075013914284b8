"""A worker's part of a job's trace; nothing of it where nothing is traced."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from emprops.kit.telemetry import tracing
from emprops.queue.messages import Claim, Finished
from emprops.queue.transport import Settled


def of_run(claim: Claim, worker_id: str) -> AbstractContextManager[Any]:
    """Open the span of a run, and make that of the wait before it; both are below the sending of the ticket."""
    ticket = claim.ticket
    attributes: tracing.Attributes = {
        "emprops.job_id": ticket.workflow_context.workflow_id,
        "emprops.step_id": ticket.id,
        "emprops.job_type": ticket.job_type,
        "emprops.attempt": claim.attempt,
        "emprops.worker_id": worker_id,
    }
    if ticket.trace and claim.waited:
        tracing.record("queue.wait", attributes, parent=ticket.trace, seconds=claim.waited)
    return tracing.span("step.run", attributes, parent=ticket.trace, kind="consumer")


def told(finished: Finished) -> Finished:
    """Mark the open span of a run that failed, by the kind of the failure; what the run gave then says where it
    belongs."""
    if finished.failure is not None:
        tracing.failed(finished.failure)
    return replace(finished, trace=tracing.current())


def reported(settled: Sequence[Settled], seconds: float) -> None:
    """Make the spans of telling Redis how runs ended, which took that long together."""
    if tracing.enabled():
        for item in settled:
            if item.finished.trace:
                tracing.record("report", parent=item.finished.trace, seconds=seconds)
