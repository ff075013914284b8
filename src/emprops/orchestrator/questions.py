"""What moderation is asked about a job that is stored."""

from emprops.jobs import change_store
from emprops.jobs import store as jobs
from emprops.jobs.results import StepOutput
from emprops.kit.database import Transaction
from emprops.moderation.verdicts import Question, seen_in


async def about_start(reader: Transaction, job: jobs.LockedJob) -> Question:
    """Return the question about what the steps of a job's present attempt are run with."""
    steps = await change_store.earlier_steps(reader, job.id, job.retry_count)
    seen = seen_in([step.input_data or step.template for step in steps])
    variables = job.data.get("variables", {})
    return Question("start", job.user_id, job.collection_id, variables, seen.texts, seen.files, job.id, seen.whole)


async def about_results(reader: Transaction, job: jobs.LockedJob) -> Question:
    """Return the question about what a job's present attempt made."""
    results = [step for step in await jobs.current_steps(reader, [job.id]) if step.is_result]
    outputs = [StepOutput.from_json(step.output_data) for step in results]
    seen = seen_in([output.data for output in outputs])
    files = tuple(str(file["url"]) for output in outputs for file in output.files)
    variables = job.data.get("variables", {})
    return Question("results", job.user_id, job.collection_id, variables, seen.texts, files, job.id, seen.whole)
