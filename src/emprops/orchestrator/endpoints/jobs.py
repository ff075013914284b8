"""Change a job that exists: retry, cancel, tell how it ended. And its output, which may have to be recovered."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from emprops.assets.references import replaced
from emprops.audit.actions import Action
from emprops.audit.service import record
from emprops.auth import foreign
from emprops.auth.caller import Caller, may_touch
from emprops.auth.dependencies import CurrentCaller, ServiceCaller, StartsWork
from emprops.auth.once import Once
from emprops.errors import NotEnoughCreditsError, NotFoundError
from emprops.jobs import change_store, queries
from emprops.jobs.change_store import Standing
from emprops.jobs.schemas import JobOutputView, JobView, RetryView
from emprops.jobs.states import OPEN
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.schema import Schema
from emprops.media.result_links import Naming, ResultLinks
from emprops.moderation.verdicts import Cleared
from emprops.orchestrator.change.cancel import cancel_job
from emprops.orchestrator.change.failsafe import complete_from_outside, fail_from_outside
from emprops.orchestrator.change.retry import retry_job
from emprops.orchestrator.endpoints.generations import Moderating, Sending
from emprops.orchestrator.repair.recover import recover_output
from emprops.orchestrator.start.moderated import clear_retry
from emprops.workflows.machines import LiveMachines

routes = router(prefix="/jobs", tags=["jobs"])

MAX_ERROR_LENGTH = 10_000
MAX_URL_LENGTH = 4_096


def _result_url(value: str) -> str:
    url = value.strip()
    if not url.startswith(("https://", "http://", "/files/", "/api/files/")) or any(c.isspace() for c in url):
        raise ValueError("must be the URL of the final output, beginning with https:// or http://")
    return url


def _cut(value: Any) -> Any:
    return value[:MAX_ERROR_LENGTH] if isinstance(value, str) else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must say what went wrong")
    return value


class CompleteBody(Schema):
    """How a job succeeded."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "outputs": [{"url": "https://cdn.example.com/a.png"}],
                "metadata": {"source": "webhook"},
                "workflow_output": "https://cdn.example.com/a.png",
            }
        }
    )

    outputs: Any
    """Becomes the job's `data.outputs`; null keeps what its steps gave."""
    metadata: Any = None
    """Kept in the job's `data`."""
    workflow_output: Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH), AfterValidator(_result_url)]
    """URL of the final output."""


class FailedBody(Schema):
    """Why a job failed."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"error_message": "The GPU ran out of memory", "error_details": {"node": "7"}}}
    )

    error_message: Annotated[str, BeforeValidator(_cut), AfterValidator(_not_blank)]
    """Cut after 10,000 characters."""
    error_details: Any = None
    """Becomes the job's `data.error_details`."""


async def _own_job(job_id: UUID, request: Request, caller: CurrentCaller, tx: Tx) -> Standing:
    if caller.user_id is None and not caller.is_service:
        raise NotFoundError("Job not found")
    job = await _locked(tx, job_id, owner=None if caller.is_service else caller.user_id)
    what = request.url.path.rpartition("/")[2]
    await foreign.note_change(tx, caller, job.user_id, f"job:{job_id}", what)
    return job


async def _any_job(job_id: UUID, _caller: ServiceCaller, tx: Tx) -> Standing:
    return await _locked(tx, job_id, owner=None)


async def _locked(tx: Transaction, job_id: UUID, *, owner: UUID | None) -> Standing:
    job = await change_store.lock(tx, job_id, owner=owner)
    if job is None:
        raise NotFoundError("Job not found")
    return job


OwnJob = Annotated[Standing, Depends(_own_job)]
"""The caller's job (a service's: any), locked."""
AnyJob = Annotated[Standing, Depends(_any_job)]
"""A job that a service names, locked."""


async def cleared_retry(job_id: UUID, caller: CurrentCaller, resources: Shared, moderator: Moderating) -> Cleared:
    """Have the next attempt checked, if it has to be."""
    return await clear_retry(resources, moderator, None if caller.is_service else caller.user_id, job_id)


ClearedRetry = Annotated[Cleared, Depends(cleared_retry)]


@routes.post(
    "/{job_id}/retry",
    operation_id="retryJob",
    dependencies=[StartsWork],
    responses=failures(
        _402=NotEnoughCreditsError(0.25, 0.1),
        _409="No live worker has the node classes of a step that is left.",
    ),
)
async def retry(
    machines: LiveMachines,
    cleared: ClearedRetry,
    job: OwnJob,
    tx: Tx,
    resources: Shared,
    dispatcher: Sending,
    _once: Once = None,
) -> Envelope[RetryView]:
    """Try a failed or stuck job again, under the same id. What had finished is not run, and nothing paid, twice."""
    retried = await retry_job(tx, job, resources.settings, dispatcher, machines, cleared)
    return ok(RetryView(jobId=job.id, retryAttempt=retried.attempt, message=retried.message))


@routes.post("/{job_id}/cancel", operation_id="cancelJob", response_model=Envelope[JobView])
async def cancel(job: OwnJob, tx: Tx, dispatcher: Sending, results: Naming) -> Response:
    """Stop a job. It ends as failed, with the message "Cancelled", and costs nothing."""
    await cancel_job(tx, job, dispatcher)
    return await show_job(tx, job.id, results)


@routes.post("/{job_id}/complete", operation_id="completeJob", response_model=Envelope[JobView])
async def report_complete(
    job: AnyJob,
    service: ServiceCaller,
    body: CompleteBody,
    tx: Tx,
    resources: Shared,
    dispatcher: Sending,
    results: Naming,
) -> Response:
    """Report that a job has completed, in case that was missed. Again, or after another success, it changes nothing."""
    await complete_from_outside(
        tx,
        job,
        resources.settings,
        dispatcher,
        workflow_output=results.plain(body.workflow_output),
        outputs=replaced(body.outputs, results.plain),
        metadata=body.metadata,
    )
    about = {"before": job.status}
    await record(tx, service.actor, Action.JOB_REPORTED_COMPLETE, f"job:{job.id}", about, user_id=job.user_id)
    return await show_job(tx, job.id, results)


@routes.post("/{job_id}/failed", operation_id="failJob", response_model=Envelope[JobView])
async def report_failed(
    job: AnyJob, service: ServiceCaller, body: FailedBody, tx: Tx, dispatcher: Sending, results: Naming
) -> Response:
    """Report that a job has failed, in case that was missed. A job that has ended stays as it is."""
    await fail_from_outside(tx, job.id, dispatcher, error_message=body.error_message, error_details=body.error_details)
    about = {"before": job.status}
    await record(tx, service.actor, Action.JOB_REPORTED_FAILED, f"job:{job.id}", about, user_id=job.user_id)
    return await show_job(tx, job.id, results)


@routes.get("/{job_id}/output", operation_id="getJobOutput")
async def get_output(
    job_id: UUID, caller: CurrentCaller, resources: Shared, dispatcher: Sending, results: Naming
) -> Envelope[JobOutputView]:
    """Read what a completed job gave. An output that is missing is recovered from the queue's attestations."""
    job = await _readable(resources, caller, job_id)
    if job.status in OPEN:
        raise NotFoundError(f"Job has no output yet: it is {job.status}.")
    if job.status == "failed":
        raise NotFoundError(f"Job has no output: it failed. {job.error_message or ''}".rstrip())
    if job.workflow_output is None and await recover_output(
        resources.database, dispatcher.queue, resources.settings, job_id
    ):
        dispatcher.tell([job_id])
    if job.workflow_output is None:
        job = await _readable(resources, caller, job_id)
    job = queries.named(job, results)
    outputs = orjson.loads(job.data).get("outputs")
    if job.workflow_output is None and not outputs:
        raise NotFoundError("Job has no output: it completed, but its results cannot be found any more.")
    return ok(JobOutputView(workflow_output=job.workflow_output, outputs=[] if outputs is None else outputs))


async def _readable(resources: Shared, caller: Caller, job_id: UUID) -> queries.JobRow:
    async with resources.database.reader() as reader:
        job = await queries.job_of(reader, job_id)
        if job is None or not may_touch(caller, job.user_id):
            raise NotFoundError("Job not found")
        await foreign.note_service(reader, caller, job.user_id)
    return job


async def show_job(tx: Transaction, job_id: UUID, results: ResultLinks) -> Response:
    """Answer with a job that has ended, as ``GET /jobs/{id}`` gives it."""
    job = await queries.detail_of(tx, job_id)
    assert job is not None  # noqa: S101 - it is locked
    return reply(queries.detail_json(queries.named(job, results), None))
