"""Start generations: everything that has to be true before the callers get their job ids, in one transaction.

Several may start together. What is wrong with one of them is found before anything is written, as far as possible.
What comes out later ends the transaction; then each is tried alone, see :mod:`emprops.orchestrator.start.together`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from uuid import UUID

from emprops.assets.store import record_uses
from emprops.auth.store import ensure_users
from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.credits import service as credit
from emprops.credits.parts import to_stored
from emprops.credits.store import NewHold
from emprops.errors import AppError, ConflictError
from emprops.jobs import dispatch_store, start_store
from emprops.jobs import store as jobs
from emprops.kit.database import Transaction
from emprops.moderation import store as reviews
from emprops.orchestrator.admission import gated
from emprops.orchestrator.metrics import JOBS_STARTED
from emprops.orchestrator.start.job_ids import choose_job_ids
from emprops.orchestrator.start.known import (
    Known,
    add_missing,
    likely_needs,
    look_up,
    look_ups,
    needs_of,
    remember,
    subjects_of_job,
)
from emprops.orchestrator.start.plan import Plan, PlannedStep
from emprops.orchestrator.start.planning import Planned, plan_all
from emprops.orchestrator.start.request import Ask, Chosen, Started
from emprops.orchestrator.tickets import Dispatcher
from emprops.outputs import job_results as outputs
from emprops.quotas import service as quotas
from emprops.quotas import store as quota_store
from emprops.quotas.limits import Subject

Answer = Started | AppError


@dataclass(frozen=True, slots=True)
class _Draft:
    """A job about to be stored."""

    job: Chosen
    plan: Plan
    files: Set[UUID]
    """The assets that it takes."""
    reserved: quotas.Reserved


async def start_all(
    tx: Transaction, asks: Sequence[Ask], *, terms: credit.Terms, dispatcher: Dispatcher
) -> list[Answer]:
    """Load, validate, resolve, plan, pay, insert. Returns the job of each, or the error for which it did not start,
    which has written nothing. Raises what makes the transaction as a whole impossible."""
    await ensure_users(tx, {ask.user_id for ask in asks})
    answers: dict[int, Answer] = {}
    found: dict[int, tuple[Ask, Collection]] = {}
    needs = likely_needs(asks)
    runnable, *read_ahead = await tx.together(
        collections.get_all_runnable(tx, [(ask.user_id, ask.collection_ref) for ask in asks]), *look_ups(tx, needs)
    )
    for at, collection in enumerate(runnable):
        if isinstance(collection, AppError):
            answers[at] = collection
        else:
            found[at] = (asks[at], collection)
            remember(asks[at].collection_ref, collection)
    chosen: dict[int, Chosen] = {}
    for at, choice in zip(found, await choose_job_ids(tx, list(found.values())), strict=True):
        if isinstance(choice, Chosen):
            chosen[at] = choice
        else:
            answers[at] = choice
    run = await _run(tx, list(chosen.values()), Known.of(needs, read_ahead), terms=terms, dispatcher=dispatcher)
    answers |= zip(chosen, run, strict=True)
    return [answers[at] for at in range(len(asks))]


async def run_collection(tx: Transaction, job: Chosen, *, terms: credit.Terms, dispatcher: Dispatcher) -> Started:
    """Plan, pay and insert one new job of a user who exists, with a collection that they may run; see
    :func:`start_all`."""
    (answer,) = await _run(tx, [job], await look_up(tx, needs_of([job])), terms=terms, dispatcher=dispatcher)
    return started(answer)


def started(answer: Answer) -> Started:
    """Return what was started. Raises the error for which it was not."""
    if isinstance(answer, Started):
        return answer
    raise answer


async def _run(
    tx: Transaction, chosen: Sequence[Chosen], known: Known, *, terms: credit.Terms, dispatcher: Dispatcher
) -> list[Answer]:
    known = await add_missing(tx, known, needs_of(chosen))
    plans = await plan_all(tx, chosen, known, dispatcher.results)
    planned = [plan for plan in plans if isinstance(plan, Planned)]
    drafts = await _reserve(tx, planned, known.quotas, dispatcher) if planned else []
    stored = iter(await _store(tx, drafts, terms=terms, dispatcher=dispatcher) if drafts else ())
    return [plan if isinstance(plan, AppError) else next(stored) for plan in plans]


async def _store(
    tx: Transaction, drafts: Sequence[_Draft], *, terms: credit.Terms, dispatcher: Dispatcher
) -> list[Started]:
    await credit.hold(tx, [_hold_of(draft) for draft in drafts], terms=terms)
    # in this order in PostgreSQL: a job is there before its outputs refer to it
    ready, opened = await tx.together(
        _insert(tx, drafts, enforced=terms.enforced),
        outputs.open_for_jobs(tx, [_opening(draft) for draft in drafts if draft.job.request.create_output]),
    )
    for draft in drafts:
        await record_uses(tx, draft.job.job_id, draft.files)
    for draft in drafts:
        tx.after_commit(JOBS_STARTED.labels(draft.job.request.job_type).inc)
    # room for those that a quota may hold back can have been made meanwhile: see whether it was
    unlimited = [draft.job.job_id for draft in drafts if draft.reserved.room is None]
    dispatcher.after_commit(tx, [draft.job.job_id for draft in drafts], ready=ready, going_on=unlimited)
    next_opened = iter(opened)
    return [
        Started(
            draft.job.job_id,
            tuple(next(next_opened) if draft.job.request.create_output else ()),
            (*draft.plan.warnings, *draft.job.request.cleared.warnings),
        )
        for draft in drafts
    ]


async def _reserve(
    tx: Transaction, planned: Sequence[Planned], own: Mapping[Subject, quota_store.Quota], dispatcher: Dispatcher
) -> list[_Draft]:
    claims = [
        quotas.Claim(
            subjects_of_job(one.job),
            quotas.Need(jobs=1, steps=len(one.plan.steps), generations=len(one.plan.generations)),
        )
        for one in planned
    ]
    drafts = []
    for one, reserved in zip(planned, await quotas.reserve(tx, claims, own, dispatcher.quotas), strict=True):
        waits = one.job.request.cleared.state == "start_review"
        drafts.append(_Draft(one.job, one.plan, one.files, replace(reserved, room=0) if waits else reserved))
    return drafts


def _hold_of(draft: _Draft) -> NewHold:
    job, request = draft.job, draft.job.request
    return NewHold(job.user_id, job.job_id, draft.plan.price, request.name(job.collection), request.key_id)


async def _insert(tx: Transaction, drafts: Sequence[_Draft], *, enforced: bool) -> list[dispatch_store.ReadyStep]:
    """Insert jobs with their steps and histories; returns the steps that can run at once, for which there is room."""
    new = {draft.job.job_id: _new_job(draft, enforced=enforced) for draft in drafts}
    steps = {
        draft.job.job_id: gated(
            [_new_step(draft.job.job_id, step) for step in draft.plan.steps], draft.job.user_id, draft.reserved.room
        )
        for draft in drafts
    }
    history = [entry for draft in drafts for entry in _history(draft)]
    created = await start_store.insert_jobs(tx, list(new.values()), list(chain(*steps.values())), history)
    if len(created) < len(drafts):
        raise ConflictError("workflow_id names a job that exists already.")
    ready = [
        dispatch_store.first_run(new[job_id], step, created[job_id], draft.reserved.weight)
        for draft, (job_id, own) in zip(drafts, steps.items(), strict=True)
        for step in own
        if step.input_data is not None and step.held_back_for is None
    ]
    for draft in drafts:
        cleared = draft.job.request.cleared
        if cleared.state == "start_review":
            await reviews.open_review(tx, draft.job.job_id, "start", cleared.reason)
    return ready


def _new_job(draft: _Draft, *, enforced: bool) -> start_store.NewJob:
    job, plan = draft.job, draft.plan
    request, collection = job.request, job.collection
    data: dict[str, Any] = {
        "collectionId": str(collection.id),
        "variables": request.variables,
        "generations": [{"hash": g.hash, "variables": g.variables} for g in plan.generations],
        **request.about,
        **(request.direct.data if request.direct else {}),
    }
    if job.selector is not None:
        data["workflowId"] = job.selector
    if request.parent is not None:
        data["sourceOutputId"] = str(request.parent.output_id)
    return start_store.NewJob(
        id=job.job_id,
        user_id=job.user_id,
        collection_id=collection.id,
        collection_version=collection.version if collection.status == "published" else None,
        name=request.name(collection),
        description=collection.description,
        priority=request.priority,
        total_steps=len(plan.steps),
        data=data,
        job_type=request.job_type,
        trace=request.trace,
        key_id=request.key_id,
        price=to_stored(plan.own_price, plan.prices, enforced=enforced),
        moderation=request.cleared.state,
    )


def _history(draft: _Draft) -> list[jobs.HistoryEntry]:
    job_id, plan = draft.job.job_id, draft.plan
    told = (*plan.warnings, *draft.job.request.cleared.warnings)
    created = jobs.HistoryEntry(job_id, "pending", "Job created", data={"total_steps": len(plan.steps)})
    return [created, *(jobs.HistoryEntry(job_id, "pending", warning) for warning in told)]


def _new_step(job_id: UUID, step: PlannedStep) -> start_store.NewStep:
    waits = bool(step.depends_on)
    return start_store.NewStep(
        id=step.id,
        job_id=job_id,
        step_order=step.order,
        step_name=step.name,
        step_type=step.job_type,
        generation=step.generation,
        is_result=step.is_result,
        depends_on=step.depends_on,
        template=step.payload if waits else None,
        input_data=None if waits else step.payload,
        requirements=step.requirements.to_json(),
        builders=step.builders,
    )


def _opening(draft: _Draft) -> outputs.Opening:
    job, request, parent = draft.job, draft.job.request, draft.job.request.parent
    return outputs.Opening(
        job_id=job.job_id,
        user_id=job.user_id,
        collection_id=job.collection.id,
        collection_title=job.collection.title,
        generations=len(draft.plan.generations),
        source=request.source,
        input_metadata={"variables": request.variables, **(parent.metadata if parent else {})},
        output_id=request.output_id,
        to=parent.destination if parent else outputs.Destination(),
    )
