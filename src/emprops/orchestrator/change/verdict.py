"""What becomes of a job whose results were checked, or that a person has decided about."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

from emprops.audit import service as audit
from emprops.audit.actions import Action
from emprops.errors import ConflictError, NotFoundError
from emprops.jobs import store as jobs
from emprops.jobs.states import OPEN
from emprops.kit import outbox
from emprops.kit.database import Transaction
from emprops.moderation import store
from emprops.moderation.moderator import Moderator
from emprops.moderation.store import Review
from emprops.moderation.verdicts import BLOCKED, Question, Verdict
from emprops.orchestrator.finish import CHECK_RESULTS, complete_as_stored, fail_job
from emprops.orchestrator.questions import about_results, about_start
from emprops.orchestrator.tickets import Dispatcher

Decision = Literal["released", "blocked"]
DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0, *(60.0,) * 100_000)
"""Seconds after each attempt to have results checked: as long as nobody answers, but without haste."""


async def check_results(dispatcher: Dispatcher, moderator: Moderator) -> int:
    """Have the results of jobs checked that are done but for that. Returns how many attempts were made."""

    async def check(entry: outbox.Entry) -> None:
        job_id = UUID(entry.payload["job_id"])
        async with dispatcher.database.reader() as reader:
            job = await jobs.read_job(reader, job_id)
            if job is None or not _waits(job):
                return
            question = await about_results(reader, job)
        verdict = await moderator.ask(question)
        async with dispatcher.database.transaction() as tx:
            await settle(tx, job_id, verdict, dispatcher, attempt=job.retry_count)

    handler = outbox.Handler(check, delays=DELAYS)
    return await outbox.deliver_due(dispatcher.database, {CHECK_RESULTS: handler})


async def settle(tx: Transaction, job_id: UUID, verdict: Verdict, dispatcher: Dispatcher, *, attempt: int) -> None:
    """Do what the verdict on the results of a job's attempt says, unless something else ended that meanwhile."""
    job = (await jobs.lock_jobs(tx, [job_id])).get(job_id)
    if job is None or not _waits(job) or job.retry_count != attempt:
        return
    if verdict.kind == "review":
        await store.set_state(tx, job_id, "results_review")
        await store.open_review(tx, job_id, "results", verdict.reason)
        message = f"The results are held for review. {verdict.reason}"
        await jobs.add_history(tx, [jobs.HistoryEntry(job_id, "processing", message)])
        dispatcher.after_commit(tx, [job_id])
    else:
        await _end(tx, job, verdict.reason if verdict.kind == "block" else None, dispatcher)


async def decide(
    tx: Transaction,
    review_id: UUID,
    decision: Decision,
    *,
    note: str | None,
    by: str,
    moderator: Moderator,
    dispatcher: Dispatcher,
) -> Review:
    """Release or block what is held. ``note`` is a sentence for the user. Raises
    :class:`~emprops.errors.NotFoundError`, and :class:`~emprops.errors.ConflictError` if it was decided already."""
    review = await store.get(tx, review_id)
    if review is None:
        raise NotFoundError("Review not found")
    job = (await jobs.lock_jobs(tx, [review.job_id]))[review.job_id]
    if not await store.decide(tx, review_id, decision, note=note, by=by):
        raise ConflictError("This review has been decided already.")
    if decision == "blocked":
        await _end(tx, job, note or BLOCKED, dispatcher)
    elif review.stage == "results":
        await _end(tx, job, None, dispatcher)
    else:
        checked = moderator.applies("results", await store.stages_of(tx, job.collection_id))
        await store.set_state(tx, job.id, "results" if checked else None)
        await jobs.add_history(tx, [jobs.HistoryEntry(job.id, "pending", "Released after a review")])
        dispatcher.after_commit(tx, [job.id])
    details = {"review": str(review_id), "stage": review.stage, "decision": decision}
    await audit.record(tx, by, Action.OUTPUT_REVIEWED, f"job:{job.id}", details, user_id=job.user_id)
    decided = await store.get(tx, review_id)
    assert decided is not None  # noqa: S101 - it was read above, and is locked
    return decided


async def _end(tx: Transaction, job: jobs.LockedJob, blocked: str | None, dispatcher: Dispatcher) -> None:
    """End a locked job: with its results, or blocked for a reason. A retry is checked anew."""
    if blocked is not None:
        await store.set_state(tx, job.id, "results")
        closed = await fail_job(tx, job.id, message=blocked)
        dispatcher.after_commit(tx, [job.id], closed=closed or [])
        return
    await store.set_state(tx, job.id, None)
    await complete_as_stored(tx, replace(job, moderation=None), dispatcher.settings)
    dispatcher.after_commit(tx, [job.id])


def _waits(job: jobs.LockedJob) -> bool:
    return job.status in OPEN and job.moderation == "results"


async def subject_of(reader: Transaction, review: Review) -> Question:
    """Return what a review is about, as the check was asked."""
    job = await jobs.read_job(reader, review.job_id)
    assert job is not None  # noqa: S101 - a review does not outlive its job
    return await (about_results if review.stage == "results" else about_start)(reader, job)
