"""Start a generation: everything that has to be true before the caller gets a job id, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from emprops.assets.store import record_uses
from emprops.auth.store import ensure_user
from emprops.collections import service as collections
from emprops.collections.store import Collection
from emprops.credits import service as credit
from emprops.credits.parts import to_stored
from emprops.errors import BadRequestError, ConflictError, InvalidVariablesError
from emprops.jobs import dispatch_store, start_store
from emprops.jobs import store as jobs
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.telemetry import tracing
from emprops.moderation import store as reviews
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared
from emprops.orchestrator.admission import gated
from emprops.orchestrator.files import hold_assets
from emprops.orchestrator.metrics import JOBS_STARTED
from emprops.orchestrator.start.node_classes import placed
from emprops.orchestrator.start.origin import origin_of
from emprops.orchestrator.start.plan import Plan, PlannedStep
from emprops.orchestrator.start.planning import plan_with_workflows
from emprops.orchestrator.tickets import Dispatcher
from emprops.outputs import job_results as outputs
from emprops.quotas import service as quotas
from emprops.quotas.limits import subjects_of
from emprops.workflows import store as workflows
from emprops.workflows.machines import NO_MACHINES, Machines


@dataclass(frozen=True, slots=True)
class Parent:
    """The output that a job develops."""

    output_id: UUID
    destination: outputs.Destination
    """What the job makes goes where that one is."""
    metadata: dict[str, Any]
    """What the new outputs keep of it in their ``input_metadata``, next to the variables."""


@dataclass(frozen=True, slots=True)
class Direct:
    """What a caller brings to be run, planned already; the collection is only where it belongs."""

    job_type: str
    plan: Plan
    data: Mapping[str, Any]
    """What the job keeps of it, in addition to what every job has."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a caller asks for."""

    variables: dict[str, Any]
    priority: int = 50
    workflow_id: str | None = None
    create_output: bool = True
    output_id: UUID | None = None
    source: str = "direct_api"
    parent: Parent | None = None
    """Set if this develops an output."""
    strict: bool = False
    """Variables that the collection does not have are an error, not a warning."""
    key_id: UUID | None = None
    """The API key that came with the request."""
    generations: int | None = None
    """How many, if not as many as the collection says."""
    cleared: Cleared = NOTHING_TO_CHECK
    """What moderation said of it."""
    direct: Direct | None = None
    """Set if the caller brings what is to be run."""

    @property
    def job_type(self) -> str:
        """What the job is called by programs."""
        own = "collection_generation" if self.parent is None else "develop"
        return own if self.direct is None else self.direct.job_type

    def name(self, collection: Collection) -> str:
        """What the job is called by people."""
        what = f"{'Collection Generation' if self.parent is None else 'Develop Output'}: {collection.title}"
        return what if self.direct is None else collection.title


@dataclass(frozen=True, slots=True)
class Started:
    """What a start gave: the job and its outputs."""

    job_id: UUID
    output_ids: tuple[UUID, ...]
    """One per generation, in order; none if the job shows in no deck."""
    warnings: tuple[str, ...] = ()
    """What the caller probably did not mean."""
    is_new: bool = True
    """False: it was started before, under the id that was asked for."""


async def start_generation(
    tx: Transaction,
    *,
    user_id: UUID,
    collection_ref: str,
    request: GenerationRequest,
    terms: credit.Terms,
    machines: Machines = NO_MACHINES,
    dispatcher: Dispatcher,
) -> Started:
    """Load, validate, resolve, plan, pay, insert. Raises the errors of ``errors.py`` that the contract names for it."""
    await ensure_user(tx, user_id)
    collection = await collections.get_runnable(tx, user_id, collection_ref)
    job_id, selector, existing = await choose_job_id(tx, request.workflow_id, user_id, collection.id)
    if existing is not None:
        return existing
    return await run_collection(
        tx,
        job_id=job_id,
        user_id=user_id,
        collection=collection,
        request=request,
        selector=selector,
        terms=terms,
        machines=machines,
        dispatcher=dispatcher,
    )


async def run_collection(
    tx: Transaction,
    *,
    job_id: UUID,
    user_id: UUID,
    collection: Collection,
    request: GenerationRequest,
    terms: credit.Terms,
    selector: str | None = None,
    machines: Machines = NO_MACHINES,
    dispatcher: Dispatcher,
) -> Started:
    """Plan, pay and insert a new job of a user who exists, with a collection that they may run. ``machines``: those
    that live; what no machine can run is refused, see :mod:`emprops.orchestrator.start.node_classes`."""
    with tracing.span("generation.start", {"emprops.job_id": str(job_id)}):
        plan = await _plan(tx, collection, request, machines) if request.direct is None else request.direct.plan
        files = await hold_assets(tx, user_id, collection.user_id, request.variables, [s.payload for s in plan.steps])
        need = quotas.Need(jobs=1, steps=len(plan.steps), generations=len(plan.generations))
        subjects = subjects_of(user_id, request.key_id, collection.id)
        reserved = await quotas.reserve(tx, subjects, dispatcher.quotas, need)
        reserved = replace(reserved, room=0) if request.cleared.state == "start_review" else reserved
        await credit.hold(
            tx,
            user_id=user_id,
            job_id=job_id,
            amount=plan.price,
            reason=request.name(collection),
            terms=terms,
            key_id=request.key_id,
        )
        draft = _Draft(job_id, user_id, collection, plan, request, selector)
        ready = await _insert(tx, draft, reserved, to_stored(plan.own_price, plan.prices, enforced=terms.enforced))
        await record_uses(tx, job_id, files)
        output_ids = await _open_outputs(tx, draft) if request.create_output else ()
    tx.after_commit(JOBS_STARTED.labels(request.job_type).inc)
    dispatcher.after_commit(tx, [job_id], ready=ready)
    return Started(job_id, tuple(output_ids), (*plan.warnings, *request.cleared.warnings))


async def _plan(tx: Transaction, collection: Collection, request: GenerationRequest, machines: Machines) -> Plan:
    """Plan what the collection says. Raises what is wrong with it, or with the request."""
    plan, known = await plan_with_workflows(tx, collection, request.variables, request.generations)
    checked = request.cleared.origin
    if checked is not None and checked != origin_of(collection, known, request.variables):
        raise ConflictError("The collection was changed while this was being checked; try again.")
    plan = placed(plan, machines)
    if request.strict and plan.unknown:
        raise InvalidVariablesError(plan.unknown)
    return plan


async def choose_job_id(
    tx: Transaction, workflow_id: str | None, user_id: UUID, collection_id: UUID
) -> tuple[UUID, str | None, Started | None]:
    """Decide what the request's ``workflow_id`` means: ``(job id, selector to keep, job that exists already)``.

    Absent: a fresh id. The id or name of a workflow: a selector kept in the job's data. Any other UUID: the job id
    itself, so that sending the request twice gives the same job. Anything else is refused.
    """
    if workflow_id is None:
        return new_id(), None, None
    if await workflows.exists(tx, workflow_id):
        return new_id(), workflow_id, None
    try:
        job_id = UUID(workflow_id)
    except ValueError:
        raise BadRequestError(
            "workflow_id must be the id or name of a workflow, or a UUID to use as the job's id."
        ) from None
    origin = await start_store.reserve_id(tx, job_id)
    if origin is None:
        return job_id, None, None
    if origin != start_store.Origin(user_id, collection_id):
        raise ConflictError("workflow_id names a job that exists already.")
    return job_id, None, Started(job_id, tuple(await outputs.ids_of_job(tx, job_id)), is_new=False)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A job about to be stored."""

    job_id: UUID
    user_id: UUID
    collection: Collection
    plan: Plan
    request: GenerationRequest
    selector: str | None


async def _insert(
    tx: Transaction, draft: _Draft, reserved: quotas.Reserved, price: dict[str, Any] | None
) -> list[dispatch_store.ReadyStep]:
    """Insert the job with its steps and history; returns the steps that can run at once, for which there is room."""
    job_id, collection, plan, request = draft.job_id, draft.collection, draft.plan, draft.request
    data: dict[str, Any] = {
        "collectionId": str(collection.id),
        "variables": request.variables,
        "generations": [{"hash": g.hash, "variables": g.variables} for g in plan.generations],
        **(request.direct.data if request.direct else {}),
    }
    if draft.selector is not None:
        data["workflowId"] = draft.selector
    if request.parent is not None:
        data["sourceOutputId"] = str(request.parent.output_id)
    job = start_store.NewJob(
        id=job_id,
        user_id=draft.user_id,
        collection_id=collection.id,
        collection_version=collection.version if collection.status == "published" else None,
        name=request.name(collection),
        description=collection.description,
        priority=request.priority,
        total_steps=len(plan.steps),
        data=data,
        job_type=request.job_type,
        trace=tracing.current(),
        key_id=request.key_id,
        price=price,
        moderation=request.cleared.state,
    )
    created_at = await start_store.insert_job(tx, job)
    if created_at is None:
        raise ConflictError("workflow_id names a job that exists already.")
    steps = gated([_new_step(job_id, step) for step in plan.steps], draft.user_id, reserved.room)
    await start_store.insert_steps(tx, steps)
    history = [jobs.HistoryEntry(job_id, "pending", "Job created", data={"total_steps": len(plan.steps)})]
    history += [jobs.HistoryEntry(job_id, "pending", told) for told in (*plan.warnings, *request.cleared.warnings)]
    await jobs.add_history(tx, history)
    if request.cleared.state == "start_review":
        await reviews.open_review(tx, job_id, "start", request.cleared.reason)
    ready = [step for step in steps if step.input_data is not None and step.held_back_for is None]
    return [dispatch_store.first_run(job, step, created_at, reserved.weight) for step in ready]


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


async def _open_outputs(tx: Transaction, draft: _Draft) -> list[UUID]:
    request, parent = draft.request, draft.request.parent
    return await outputs.open_for_job(
        tx,
        job_id=draft.job_id,
        user_id=draft.user_id,
        collection_id=draft.collection.id,
        collection_title=draft.collection.title,
        generations=len(draft.plan.generations),
        source=request.source,
        input_metadata={"variables": request.variables, **(parent.metadata if parent else {})},
        output_id=request.output_id,
        to=parent.destination if parent else outputs.Destination(),
    )
