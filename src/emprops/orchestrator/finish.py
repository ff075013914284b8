"""The end of a job, whichever way it comes: outputs, credits, result and history in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from emprops.credits import service as credit
from emprops.credits.parts import Ran, settle
from emprops.jobs import dispatch_store
from emprops.jobs import store as jobs
from emprops.jobs.results import StepOutput, by_generation
from emprops.jobs.states import OPEN
from emprops.kit import outbox
from emprops.kit.database import Transaction
from emprops.media import file_store as media
from emprops.media.file_store import FileRow
from emprops.moderation import store as reviews
from emprops.orchestrator.metrics import USAGE_MISSING, count_end
from emprops.outputs import job_results as outputs
from emprops.settings import Settings

log = structlog.get_logger(__name__)

CHECK_RESULTS = "check_results"
"""Outbox kind: a job is done, but for the check of its results."""


def result_urls(steps: Sequence[jobs.StepState]) -> str | None:
    """The job's ``workflow_output``: the last generation's last result."""
    for step in sorted(steps, key=lambda step: (step.generation, step.step_order), reverse=True):
        files = StepOutput.from_json(step.output_data).files
        if step.is_result and files:
            return str(files[-1]["url"])
    return None


def result_list(steps: Sequence[jobs.StepState]) -> list[dict[str, Any]]:
    """The job's ``data.outputs``: every result of every generation."""
    return [
        {"generation": step.generation, "step": step.step_name, **(step.output_data or {})}
        for step in steps
        if step.is_result
    ]


async def complete_job(
    tx: Transaction,
    job: jobs.LockedJob,
    steps: Sequence[jobs.StepState],
    files: Mapping[UUID, Sequence[FileRow]],
) -> bool:
    """End a job with success. ``files`` are the file rows of its result steps. False if it had ended before, or if
    somebody has to judge its results first."""
    if job.moderation is not None:
        if job.moderation == "results":
            await _have_judged(tx, job)
        return False
    return await succeed(
        tx,
        job.id,
        steps,
        workflow_output=result_urls(steps),
        data={"outputs": result_list(steps)},
        files=by_generation([(step.generation, step.id) for step in steps if step.is_result], files),
        from_states=sorted(OPEN),
    )


async def complete_as_stored(tx: Transaction, job: jobs.LockedJob, settings: Settings) -> bool:
    """End a locked job with success, with the results that are stored of its steps. See :func:`complete_job`."""
    steps = await jobs.current_steps(tx, [job.id])
    files = await media.files_of_steps(tx, settings, [step.id for step in steps if step.is_result])
    return await complete_job(tx, job, steps, files)


async def _have_judged(tx: Transaction, job: jobs.LockedJob) -> None:
    """Have the results checked; until then, nobody sees them. Asked for once an attempt."""
    if await outbox.put(tx, CHECK_RESULTS, f"{CHECK_RESULTS}:{job.id}:{job.retry_count}", {"job_id": str(job.id)}):
        await jobs.add_history(tx, [jobs.HistoryEntry(job.id, "processing", "The results are being checked")])


async def succeed(
    tx: Transaction,
    job_id: UUID,
    steps: Sequence[jobs.StepState],
    *,
    workflow_output: str | None,
    data: dict[str, Any],
    files: Mapping[int, Sequence[FileRow]],
    from_states: Sequence[str],
    output_metadata: dict[str, Any] | None = None,
    message: str = "Generation completed",
) -> bool:
    """End a job with these files per generation; ``data`` is merged over its own, and ``steps``, those of its present
    attempt, say what it used. False if it was in none of ``from_states``."""
    completed = await jobs.complete(
        tx, job_id, workflow_output=workflow_output, data=data, from_states=list(from_states)
    )
    if completed is None:
        return False
    count_end(tx, "completed")
    await pay(tx, job_id, completed.usage_price, steps)
    await outputs.complete_for_job(tx, job_id, files, output_metadata)
    await jobs.add_history(tx, [jobs.HistoryEntry(job_id, "completed", message)])
    return True


async def pay(
    tx: Transaction, job_id: UUID, usage_price: dict[str, Any] | None, steps: Sequence[jobs.StepState]
) -> None:
    """Charge a completed job: its price, or what its steps used."""
    if usage_price is None:
        await credit.capture(tx, job_id)
        return
    settled = settle(usage_price, {step.step_order: _ran(step) for step in steps if step.status == "completed"})
    await credit.capture(tx, job_id, settled)
    await jobs.settle_price(tx, job_id, settled.stored)
    if settled.missing:
        tx.after_commit(lambda: USAGE_MISSING.inc(settled.missing))
        log.warning("usage missing", job_id=str(job_id), steps=settled.missing)


def _ran(step: jobs.StepState) -> Ran:
    return Ran(StepOutput.from_json(step.output_data).data, step.seconds)


async def fail_job(
    tx: Transaction, job_id: UUID, *, message: str, data: dict[str, Any] | None = None, cancelled: bool = False
) -> list[dispatch_store.ClosedStep] | None:
    """End a job without success. Returns the steps closed with it (their tickets must leave the queue after the
    commit), or None if the job had ended before."""
    if not await jobs.fail(tx, job_id, message=message, data=data, cancelled=cancelled):
        return None
    await reviews.close_reviews(tx, job_id)
    count_end(tx, "cancelled" if cancelled else "failed")
    await credit.release(tx, job_id)
    closed = await dispatch_store.close_open_steps(tx, job_id, status="failed", message=message)
    await outputs.fail_for_job(tx, job_id, message)
    await jobs.add_history(tx, [jobs.HistoryEntry(job_id, "failed", message)])
    return closed
