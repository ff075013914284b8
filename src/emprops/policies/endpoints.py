"""List, set and remove the policies of job types."""

from typing import Annotated

from fastapi import Depends, Path, Query

from emprops.auth.dependencies import OperatorCaller, ViewerCaller
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.policies import queries, service
from emprops.policies.schemas import PolicyBody, PolicyView, view_of
from emprops.queue.bounds import JOB_TYPE

routes = router(prefix="/policies", tags=["policies"])

JobType = Annotated[str, Path(pattern=f"^{JOB_TYPE}$", description="The job type.")]
Host = Annotated[
    str | None, Query(max_length=255, description="The host, for a policy of one host; for `fetch_api` only.")
]


async def _known(resources: Shared) -> frozenset[str]:
    """Ask Redis before the transaction begins."""
    return await service.known_job_types(resources.redis, resources.settings.queue_prefix)


@routes.get("")
async def list_policies(_viewer: ViewerCaller, reader: Reader) -> Envelope[list[PolicyView]]:
    """List the policies, by job type and host. A job type without one is free for everybody."""
    return ok([view_of(policy) for policy in await queries.list_policies(reader)])


@routes.put(
    "/{job_type}",
    operation_id="putPolicy",
    responses=failures(_400="No live worker serves openai_imag, and no connector that comes with EmProps does."),
)
async def put_policy(
    job_type: JobType,
    body: PolicyBody,
    operator: OperatorCaller,
    known: Annotated[frozenset[str], Depends(_known)],
    tx: Tx,
    host: Host = None,
) -> Envelope[PolicyView]:
    """Set the whole policy of a job type, or of one host of `fetch_api`, in place of the one before.

    It holds for generations that start from now on, and for steps of others that get their inputs from now on.
    """
    policy = body.policy(job_type, service.read_host(job_type, host))
    return ok(view_of(await service.put(tx, policy, known, by=operator.actor)))


@routes.delete("/{job_type}")
async def delete_policy(job_type: JobType, operator: OperatorCaller, tx: Tx, host: Host = None) -> Envelope[PolicyView]:
    """Remove a policy: without one, everything is allowed. Replies with what it was."""
    return ok(view_of(await service.remove(tx, job_type, service.read_host(job_type, host), by=operator.actor)))
