"""Everybody's jobs, outputs and balances, for those who run the installation. Each use is on the audit log. Lists and
figures of jobs are in ``job_endpoints.py``.

An operator's own token opens nothing of others on the users' routes: there, a foreign object looks like an unknown one.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path
from starlette.responses import Response

from emprops.auth import foreign, role_store
from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.auth.once import Once
from emprops.auth.schemas import RoleGrantView
from emprops.credits import store as credit_store
from emprops.credits.schemas import account_json
from emprops.credits.store import Account
from emprops.errors import NotEnoughCreditsError, NotFoundError
from emprops.jobs import queries as jobs
from emprops.jobs.forensics import evidence
from emprops.jobs.schemas import JobView, RetryView
from emprops.kit.web.endpoint import Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.media.result_links import Naming, ResultLinks
from emprops.moderation.verdicts import Cleared
from emprops.operators import queries, service
from emprops.operators.schemas import OperatorJobView, OperatorOutputView, UserSummary
from emprops.orchestrator.change.cancel import cancel_job
from emprops.orchestrator.change.retry import retry_job
from emprops.orchestrator.endpoints.generations import Moderating, Sending
from emprops.orchestrator.endpoints.jobs import show_job
from emprops.orchestrator.start.moderated import clear_retry
from emprops.outputs.queries import OutputDetail
from emprops.outputs.schemas import view_of
from emprops.workflows.machines import LiveMachines

routes = router(prefix="/operator", tags=["operators"])

UserId = Annotated[UUID, Path(description="The user's id.")]


@routes.get("/jobs/{job_id}", response_model=Envelope[OperatorJobView])
async def get_any_job(job_id: UUID, operator: ViewerCaller, resources: Shared, results: Naming) -> Response:
    """Read anybody's job: as its owner sees it, with its history, and all that `forensics` shows."""
    async with resources.database.transaction() as tx:
        job = await jobs.job_of(tx, job_id)
        if job is None:
            raise NotFoundError("Job not found")
        await foreign.note_read(tx, operator, job.user_id, f"job:{job_id}", "read")
    found = await evidence(resources.database, resources.redis, resources.settings.queue_prefix, job, results)
    return reply(found | {"user_id": job.user_id})


@routes.post("/jobs/{job_id}/cancel", operation_id="cancelAnyJob", response_model=Envelope[JobView])
async def cancel_any_job(
    job_id: UUID, operator: OperatorCaller, tx: Tx, dispatcher: Sending, results: Naming
) -> Response:
    """Stop anybody's job. It ends as failed, with the message "Cancelled", and costs nothing."""
    job = await service.take_job(tx, operator, job_id, "cancel")
    await cancel_job(tx, job, dispatcher)
    return await show_job(tx, job_id, results)


async def cleared_any_retry(
    job_id: UUID, _operator: OperatorCaller, resources: Shared, moderator: Moderating
) -> Cleared:
    """Have the next attempt checked, if it has to be."""
    return await clear_retry(resources, moderator, None, job_id)


ClearedAnyRetry = Annotated[Cleared, Depends(cleared_any_retry)]


@routes.post(
    "/jobs/{job_id}/retry",
    operation_id="retryAnyJob",
    responses=failures(
        _402=NotEnoughCreditsError(0.25, 0.1),
        _409="No live worker has the node classes of a step that is left.",
    ),
)
async def retry_any_job(
    job_id: UUID,
    operator: OperatorCaller,
    machines: LiveMachines,
    cleared: ClearedAnyRetry,
    tx: Tx,
    resources: Shared,
    dispatcher: Sending,
    _once: Once = None,
) -> Envelope[RetryView]:
    """Try anybody's failed job again, within its limit of retries and at its owner's cost."""
    job = await service.take_job(tx, operator, job_id, "retry")
    retried = await retry_job(tx, job, resources.settings, dispatcher, machines, cleared)
    return ok(RetryView(jobId=job.id, retryAttempt=retried.attempt, message=retried.message))


@routes.get("/outputs/{output_id}")
async def get_any_output(
    output_id: UUID, operator: ViewerCaller, tx: Tx, results: Naming
) -> Envelope[OperatorOutputView]:
    """Read anybody's output, hidden or not."""
    return ok(_view(await service.read_output(tx, operator, output_id), results))


@routes.post("/outputs/{output_id}/hide")
async def hide_any_output(
    output_id: UUID, operator: OperatorCaller, tx: Tx, results: Naming
) -> Envelope[OperatorOutputView]:
    """Hide anybody's output, for good: it leaves lists, decks and pages, and its owner cannot bring it back. A job that
    makes its result goes on."""
    return ok(_view(await service.hide(tx, operator, output_id), results))


@routes.get("/users/{user_id}", response_model=Envelope[UserSummary])
async def get_user(user_id: UserId, operator: ViewerCaller, tx: Tx) -> Any:
    """Summarise a user: roles, credits, and how much is under way."""
    user = await queries.user_of(tx, user_id)
    if user is None:
        raise NotFoundError("User not found")
    await foreign.note_read(tx, operator, user_id, f"user:{user_id}", "read")
    account = await credit_store.account_of(tx, user_id)
    return ok(
        {
            "user_id": user.id,
            "created_at": user.created_at,
            "roles": [RoleGrantView.model_validate(one) for one in await role_store.grants_of(tx, user_id)],
            "credits": account_json(account or Account()),
            "open_jobs": user.open_jobs,
            "jobs_today": user.jobs_today,
        }
    )


def _view(output: OutputDetail, results: ResultLinks) -> OperatorOutputView:
    return OperatorOutputView(**view_of(output, results, private=True).model_dump(), user_id=output.user_id)
