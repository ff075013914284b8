"""Try a job again: one transaction, with the job locked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from emprops.credits import service as credit
from emprops.errors import BadRequestError, ConflictError
from emprops.jobs import change_store, dispatch_store
from emprops.jobs import store as jobs
from emprops.jobs.change_store import NextStep, Standing
from emprops.jobs.states import OPEN
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.kit.telemetry import tracing
from emprops.moderation import store as reviews
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared
from emprops.orchestrator.admission import gated
from emprops.orchestrator.change.retry_plan import check_retryable, next_steps
from emprops.orchestrator.finish import complete_as_stored
from emprops.orchestrator.metrics import JOBS_RETRIED
from emprops.orchestrator.policing import check_step
from emprops.orchestrator.start.node_classes import required
from emprops.orchestrator.tickets import Dispatcher
from emprops.outputs import job_results as outputs
from emprops.policies import queries as policies
from emprops.policies.rules import Rules
from emprops.queue.messages import Requirements
from emprops.quotas import service as quotas
from emprops.quotas import store as quota_store
from emprops.quotas.limits import subjects_of
from emprops.settings import Settings
from emprops.workflows.machines import NO_MACHINES, Machines

SUPERSEDED = "The job was retried"
SHOWN_NAMES = 5


@dataclass(frozen=True, slots=True)
class Retried:
    """A retry that has begun."""

    attempt: int
    message: str


async def retry_job(
    tx: Transaction,
    job: Standing,
    settings: Settings,
    dispatcher: Dispatcher,
    machines: Machines = NO_MACHINES,
    cleared: Cleared | None = None,
) -> Retried:
    """Begin the next attempt of a locked job: same id, new steps, finished ones reused; if all had finished, the job
    ends at once. Nothing is charged twice. ``cleared``: what moderation says; None: as before, but nobody looks at the
    start.

    Raises :class:`~emprops.errors.BadRequestError` for a job that may not be retried,
    :class:`~emprops.errors.QuotaExceededError` if too much is open already,
    :class:`~emprops.errors.NotEnoughCreditsError` if its price was given back and is not there any more, and
    :class:`~emprops.orchestrator.start.node_classes.NodeClassMissingError` if no machine can run a step that is left,
    and what :func:`~emprops.orchestrator.policing.check_step` raises for a step that is not allowed any more.
    """
    check_retryable(job, stale_after=settings.stale_after)
    earlier = await change_store.earlier_steps(tx, job.id, job.retry_count)
    if not earlier:
        raise BadRequestError("The job has no steps that could be run again; generate again instead.")
    attempt = job.retry_count + 1
    closed = await dispatch_store.close_open_steps(tx, job.id, status="failed", message=SUPERSEDED)
    rules = await policies.rules(tx)
    steps = [_placed(step, machines, rules) for step in next_steps(earlier, attempt=attempt, new_id=new_id)]
    if cleared is None:
        cleared = NOTHING_TO_CHECK
    if job.moderation in {"results", "results_review"} and cleared.state is None:
        cleared = replace(cleared, state="results")  # what was blocked or not judged yet may be among what is reused
    steps = await _gated(tx, job, steps, dispatcher, held=cleared.state == "start_review")
    await credit.hold_again(tx, job.id, terms=credit.terms_from(settings))
    await change_store.back_up(tx, job.id)
    await _begin(tx, job, cleared)
    await change_store.insert_next_steps(tx, steps)
    await outputs.reopen_for_job(tx, job.id)
    message = _message(steps, attempt, job.max_retries)
    told = [jobs.HistoryEntry(job.id, "pending", warning) for warning in cleared.warnings]
    await jobs.add_history(tx, [*_history(job, steps, attempt, message), *told])
    if all(step.reuses for step in steps) and cleared.state != "start_review":
        await _finish(tx, job.id, settings)
    ready = await dispatch_store.ready_steps(tx, [step.step.id for step in steps])
    dispatcher.after_commit(tx, [job.id], ready=ready, closed=closed)
    return Retried(attempt, message)


async def _gated(
    tx: Transaction, job: Standing, steps: Sequence[NextStep], dispatcher: Dispatcher, *, held: bool
) -> list[NextStep]:
    """Count the attempt for its quotas; hold back what has no room in the queue yet."""
    new = [step.step for step in steps if step.reuses is None]
    need = quotas.Need(jobs=int(job.status not in OPEN), steps=len(new))
    subjects = subjects_of(job.user_id, job.key_id, job.collection_id)
    own = await quota_store.set_for(tx, subjects)
    (reserved,) = await quotas.reserve(tx, [quotas.Claim(subjects, need)], own, dispatcher.quotas)
    room = reserved.room
    by_id = {step.id: step for step in gated(new, job.user_id, 0 if held else room)}
    return [replace(step, step=by_id.get(step.step.id, step.step)) for step in steps]


def _placed(step: NextStep, machines: Machines, rules: Rules) -> NextStep:
    new = step.step
    payload = new.template if new.input_data is None else new.input_data
    if step.reuses is not None:
        return step
    requirements = Requirements.from_json(new.requirements)
    check_step(rules, new.step_name, new.step_type, payload or {}, requirements.models, new.builders)
    requirements = required(new.step_name, new.step_type, payload, requirements, machines)
    return replace(step, step=replace(new, requirements=requirements.to_json()))


async def _begin(tx: Transaction, job: Standing, cleared: Cleared) -> None:
    before = await change_store.trace_of(tx, job.id) if tracing.enabled() else ""
    with tracing.span("generation.retry", {"emprops.job_id": str(job.id)}, links=[before] if before else ()):
        begun = await change_store.begin_retry(
            tx, job.id, retry_count=job.retry_count, trace=tracing.current(), moderation=cleared.state
        )
        if not begun:
            raise ConflictError("The job has changed meanwhile; look at it and try again.")
    await reviews.close_reviews(tx, job.id)
    if cleared.state == "start_review":
        await reviews.open_review(tx, job.id, "start", cleared.reason)
    tx.after_commit(JOBS_RETRIED.inc)


async def _finish(tx: Transaction, job_id: UUID, settings: Settings) -> None:
    locked = await jobs.lock_jobs(tx, [job_id])
    await complete_as_stored(tx, locked[job_id], settings)


def _message(steps: Sequence[NextStep], attempt: int, limit: int) -> str:
    names = [step.step.step_name for step in steps if step.reuses]
    if len(names) == len(steps):
        return f"Retry {attempt} of {limit}: all steps had finished, so the job ends with their results"
    if not names:
        return f"Retry {attempt} of {limit} started"
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return (
        f"Retry {attempt} of {limit} started; {len(names)} of {len(steps)} steps reused:"
        f" {', '.join(names[:SHOWN_NAMES])}{more}"
    )


def _history(job: Standing, steps: Sequence[NextStep], attempt: int, message: str) -> list[jobs.HistoryEntry]:
    begun = jobs.HistoryEntry(job.id, "pending", message, data={"retry_attempt": attempt})
    reused = [
        jobs.HistoryEntry(
            job.id,
            "pending",
            f"Node {step.step.step_name} reused from an earlier attempt",
            step_id=step.step.id,
            data={"reused_from": str(step.reuses.reused_from or step.reuses.id)},
        )
        for step in steps
        if step.reuses
    ]
    return [begun, *reused]
