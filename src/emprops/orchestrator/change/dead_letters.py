"""Offer a dead letter again: its job begins another attempt, by the way every retry takes."""

from dataclasses import replace
from uuid import UUID

from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.errors import ConflictError, NotFoundError
from emprops.jobs import change_store, dead_letter_store, dispatch_store
from emprops.jobs.dead_letter_store import DeadLetterDetail
from emprops.kit.database import Transaction
from emprops.orchestrator.change.retry import Retried, retry_job
from emprops.orchestrator.tickets import Dispatcher
from emprops.settings import Settings


async def letter_of(tx: Transaction, step_id: UUID) -> DeadLetterDetail:
    """Read a dead letter. Raises :class:`~emprops.errors.NotFoundError`."""
    letter = await dead_letter_store.find(tx, step_id)
    if letter is None:
        raise NotFoundError("There is no dead letter of this step.")
    return letter


async def offer_again(
    tx: Transaction, step_id: UUID, settings: Settings, dispatcher: Dispatcher, *, actor: str
) -> tuple[UUID, Retried]:
    """Try the job of a dead letter again; returns the job's id and what was begun.

    The limit of retries is for users: an operator who has removed the cause gets one more where it is reached.
    ``actor`` is for the audit log.

    Raises :class:`~emprops.errors.NotFoundError`, :class:`~emprops.errors.ConflictError` if the job has moved on, and
    what :func:`~emprops.orchestrator.change.retry.retry_job` raises.
    """
    letter = await letter_of(tx, step_id)
    job = await change_store.lock(tx, letter.job_id, owner=None)
    assert job is not None  # noqa: S101 - a step does not outlive its job
    if job.status == "completed":
        raise ConflictError("The job has completed meanwhile; there is nothing to offer again.")
    if job.retry_count != letter.retry_attempt:
        raise ConflictError("The job has been tried again since; look at its newest attempt.")
    if job.retry_count >= job.max_retries:
        await change_store.allow_one_more(tx, job.id)
        job = replace(job, max_retries=job.max_retries + 1)
    dispatcher.after_commit(tx, [job.id], closed=[dispatch_store.ClosedStep(letter.step_id, letter.run)])
    retried = await retry_job(tx, job, settings, dispatcher)
    about = {"job_id": job.id, "attempt": retried.attempt}
    await record(tx, actor, Action.DEAD_LETTER_OFFERED, f"step:{step_id}", about, user_id=job.user_id)
    return job.id, retried
