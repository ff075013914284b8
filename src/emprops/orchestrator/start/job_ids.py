"""Which id a new job gets."""

from collections.abc import Sequence

from emprops.collections.store import Collection
from emprops.errors import AppError, BadRequestError, ConflictError
from emprops.jobs import start_store
from emprops.kit.database import Transaction
from emprops.orchestrator.start.request import Ask, Chosen, Started, as_job_id
from emprops.outputs import job_results as outputs
from emprops.workflows import store as workflows


async def choose_job_ids(tx: Transaction, asks: Sequence[tuple[Ask, Collection]]) -> list[Chosen | Started | AppError]:
    """Decide what each request's ``workflow_id`` means; returns the new job, the one that exists already, or an error.

    Absent: a fresh id. The id or name of a workflow: a selector kept in the job's data. Any other UUID: the job id
    itself, so that sending the request twice gives the same job. Anything else is refused.
    """
    named = {ask.request.workflow_id for ask, _ in asks if ask.request.workflow_id is not None}
    selectors = await workflows.existing(tx, named)
    ids = {ref: job_id for ref in named - selectors if (job_id := as_job_id(ref)) is not None}
    origins = await start_store.reserve_ids(tx, set(ids.values()))
    answers: list[Chosen | Started | AppError] = []
    for ask, collection in asks:
        ref = ask.request.workflow_id
        if ref is None or ref in selectors:
            answers.append(Chosen(ask.fresh_id, ask.user_id, collection, ask.request, ref))
        elif ref not in ids:
            answers.append(
                BadRequestError("workflow_id must be the id or name of a workflow, or a UUID to use as the job's id.")
            )
        elif ids[ref] not in origins:
            answers.append(Chosen(ids[ref], ask.user_id, collection, ask.request))
        elif origins[ids[ref]] != start_store.Origin(ask.user_id, collection.id):
            answers.append(ConflictError("workflow_id names a job that exists already."))
        else:
            answers.append(Started(ids[ref], tuple(await outputs.ids_of_job(tx, ids[ref])), is_new=False))
    return answers
