"""The end of a job, whichever way it comes: outputs, credits, result and history in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from emprops.credits import service as credit
from emprops.credits.parts import Ran, Settlement, settle
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
from emprops.outputs.results import JobOutput
from emprops.settings import Settings

log = structlog.get_logger(__name__)

LockedOutputs = Mapping[UUID, Sequence[JobOutput]]
"""By their jobs."""
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


async def complete_jobs(
    tx: Transaction,
    ended: Sequence[tuple[jobs.LockedJob, Sequence[jobs.StepState]]],
    files: Mapping[UUID, Sequence[FileRow]],
    shown: LockedOutputs | None = None,
) -> set[UUID]:
    """End locked jobs with success, each with its steps. ``files`` are the file rows of the result steps; ``shown`` the
    outputs of these jobs, if they are locked already. Returns the jobs that did: without those that had ended before,
    or whose results somebody has to judge first."""
    successes = []
    for job, steps in ended:
        if job.moderation == "results":
            await _have_judged(tx, job)
        elif job.moderation is None:
            own = by_generation([(step.generation, step.id) for step in steps if step.is_result], files)
            successes.append(Success(job, result_urls(steps), {"outputs": result_list(steps)}, steps, own))
    return await succeed(tx, successes, from_states=sorted(OPEN), shown=shown)


async def complete_as_stored(tx: Transaction, job: jobs.LockedJob, settings: Settings) -> bool:
    """End a locked job with success, with the results that are stored of its steps. See :func:`complete_jobs`."""
    steps = await jobs.current_steps(tx, [job.id])
    files = await media.files_of_steps(tx, settings, [step.id for step in steps if step.is_result])
    return bool(await complete_jobs(tx, [(job, steps)], files))


async def _have_judged(tx: Transaction, job: jobs.LockedJob) -> None:
    """Have the results checked; until then, nobody sees them. Asked for once an attempt."""
    if await outbox.put(tx, CHECK_RESULTS, f"{CHECK_RESULTS}:{job.id}:{job.retry_count}", {"job_id": str(job.id)}):
        await jobs.add_history(tx, [jobs.HistoryEntry(job.id, "processing", "The results are being checked")])


@dataclass(frozen=True, slots=True)
class Success:
    """The end of a job that succeeded."""

    job: jobs.LockedJob
    workflow_output: str | None
    data: dict[str, Any]
    """Merged over the job's own."""
    steps: Sequence[jobs.StepState]
    """Those of its present attempt, which say what it used."""
    files: Mapping[int, Sequence[FileRow]]
    """Per generation."""


async def succeed(
    tx: Transaction,
    successes: Sequence[Success],
    *,
    from_states: Sequence[str],
    shown: LockedOutputs | None = None,
    output_metadata: dict[str, Any] | None = None,
    message: str = "Generation completed",
) -> set[UUID]:
    """End locked jobs with success; returns those that were in one of ``from_states``. ``shown`` as in
    :func:`complete_jobs`."""
    ending = {one.job.id: one for one in successes if one.job.status in from_states}
    if not ending:
        return set()
    endings = [jobs.Ending(job_id, one.workflow_output, one.data) for job_id, one in ending.items()]
    await jobs.complete(tx, endings, from_states=from_states, message=message)
    for _ in ending:
        count_end(tx, "completed")
    used = {job_id: await settle_usage(tx, job_id, one.job.usage_price, one.steps) for job_id, one in ending.items()}
    await credit.capture(tx, {job_id: used[job_id] for job_id, one in ending.items() if one.job.held})
    if shown is None:
        shown = await outputs.lock_for_jobs(tx, ending)
    files = {job_id: one.files for job_id, one in ending.items()}
    await outputs.complete_locked(tx, shown, files, output_metadata)
    return set(ending)


async def settle_usage(
    tx: Transaction, job_id: UUID, usage_price: dict[str, Any] | None, steps: Sequence[jobs.StepState]
) -> Settlement | None:
    """Work out and store what a job's steps used, for :func:`emprops.credits.service.capture`; None if its price does
    not depend on that."""
    if usage_price is None:
        return None
    settled = settle(usage_price, {step.step_order: _ran(step) for step in steps if step.status == "completed"})
    await jobs.settle_price(tx, job_id, settled.stored)
    if settled.missing:
        tx.after_commit(lambda: USAGE_MISSING.inc(settled.missing))
        log.warning("usage missing", job_id=str(job_id), steps=settled.missing)
    return settled


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
