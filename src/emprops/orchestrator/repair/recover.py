"""A completed job whose output is missing: find it in the steps' results, or in what Redis attests about them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from emprops.jobs import change_store
from emprops.jobs import store as jobs
from emprops.jobs.results import StepOutput, by_generation
from emprops.kit.database import Database, Transaction
from emprops.media import file_store as media
from emprops.orchestrator.finish import result_list, result_urls
from emprops.outputs import job_results as outputs
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Finished
from emprops.settings import Settings


async def recover_output(database: Database, queue: Queue, settings: Settings, job_id: UUID) -> bool:
    """Store a completed job's output, if it has none and its results can be found. Raises engine errors.

    What Redis attests is recorded as the report would have been: files, the step's result, the job's outputs. The
    first caller wins; False for the others, and if nothing was found.
    """
    async with database.reader() as reader:
        steps = await change_store.result_steps(reader, job_id)
    without = [step for step in steps if not StepOutput.from_json(step.output_data).files]
    attestations = await asyncio.gather(*(queue.attestation(str(step.ran_as), step.run) for step in without))
    found = [
        (step, Finished.from_json(attestation["finished"]))
        for step, attestation in zip(without, attestations, strict=True)
        if attestation is not None and attestation["kind"] == "completed" and attestation.get("finished")
    ]
    async with database.transaction() as tx:
        return await _store(tx, settings, job_id, found)


async def _store(
    tx: Transaction, settings: Settings, job_id: UUID, found: Sequence[tuple[change_store.ResultStep, Finished]]
) -> bool:
    job = (await jobs.lock_jobs(tx, [job_id])).get(job_id)
    if job is None:
        return False
    for step, finished in found:
        stored = media.StepFiles(job.user_id, job_id, step.ran_as, finished.files)
        rows = (await media.record_files(tx, settings, [stored]))[step.ran_as]
        await change_store.set_step_output(tx, step.id, StepOutput.of(rows, finished.data).to_json())
    steps = await jobs.current_steps(tx, [job_id])
    url = result_urls(steps)
    if url is None or not await change_store.set_output(tx, job_id, workflow_output=url, outputs=result_list(steps)):
        return False
    await _complete_outputs(tx, settings, job_id, steps)
    await jobs.add_history(tx, [jobs.HistoryEntry(job_id, "completed", "The missing output was recovered")])
    return True


async def _complete_outputs(tx: Transaction, settings: Settings, job_id: UUID, steps: Sequence[jobs.StepState]) -> None:
    results = [(step.generation, step.id) for step in steps if step.is_result]
    rows = await media.files_of_steps(tx, settings, [step_id for _, step_id in results])
    await outputs.complete_for_jobs(tx, {job_id: by_generation(results, rows)})
