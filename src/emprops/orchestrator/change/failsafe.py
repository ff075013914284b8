"""A service tells how a job ended, because the usual way may have failed.

Both calls may come late, twice, or against each other: a job that has ended stays as it is, except that a success
still counts after a failure.
"""

from typing import Any
from uuid import UUID

from emprops.jobs import dispatch_store
from emprops.jobs import store as jobs
from emprops.jobs.change_store import Standing
from emprops.jobs.results import by_generation
from emprops.kit.database import Transaction
from emprops.media import file_store as media
from emprops.media.file_store import FileRow
from emprops.moderation import store as reviews
from emprops.orchestrator.finish import Success, fail_job, result_list, succeed
from emprops.orchestrator.tickets import Dispatcher
from emprops.settings import Settings

NOT_COMPLETED = ("failed", "pending", "processing")


async def complete_from_outside(
    tx: Transaction,
    job: Standing,
    settings: Settings,
    dispatcher: Dispatcher,
    *,
    workflow_output: str,
    outputs: Any,
    metadata: Any,
) -> None:
    """End a locked job with success, unless it has completed. Its open steps are completed with it, and their tickets
    leave the queue once that is committed.

    ``workflow_output`` is what the last generation's output shows; other generations show what their steps gave.
    ``outputs`` becomes the job's ``data.outputs`` as it is (null: what the steps gave), ``metadata`` its
    ``data.metadata`` and, if it is an object, the outputs' metadata.
    """
    if job.status == "completed":
        return
    steps = await jobs.current_steps(tx, [job.id])
    files = await _files(tx, steps, settings, workflow_output)
    data: dict[str, Any] = {"outputs": result_list(steps) if outputs is None else outputs}
    if metadata is not None:
        data["metadata"] = metadata
    closed = await dispatch_store.close_open_steps(tx, job.id, status="completed", message=None)
    await reviews.close_reviews(tx, job.id)  # a service has decided
    await reviews.set_state(tx, job.id, None)
    locked = (await jobs.lock_jobs(tx, [job.id]))[job.id]
    await succeed(
        tx,
        [Success(locked, workflow_output, data, steps, files)],
        from_states=NOT_COMPLETED,
        output_metadata=metadata if isinstance(metadata, dict) else None,
        message="Generation completed, as a service reported",
    )
    dispatcher.after_commit(tx, [job.id], closed=closed)


async def _files(
    tx: Transaction, steps: list[jobs.StepState], settings: Settings, workflow_output: str
) -> dict[int, list[FileRow]]:
    results = [step for step in steps if step.is_result and step.status == "completed"]
    rows = await media.files_of_steps(tx, settings, [step.id for step in results])
    found = by_generation([(step.generation, step.id) for step in results], rows)
    final = await media.file_at(tx, settings, workflow_output)
    last = found.setdefault(max((step.generation for step in steps), default=0), [])
    if final.url not in {file.url for file in last}:
        last[:] = [final]
    return found


async def fail_from_outside(
    tx: Transaction, job_id: UUID, dispatcher: Dispatcher, *, error_message: str, error_details: Any
) -> None:
    """End a locked job without success, unless it has ended."""
    data = {} if error_details is None else {"error_details": error_details}
    closed = await fail_job(tx, job_id, message=error_message, data=data)
    dispatcher.after_commit(tx, [job_id], closed=closed or [])
