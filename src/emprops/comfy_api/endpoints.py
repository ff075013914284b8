"""Comfy API v2: jobs. Its shapes, paths and words are not ours, so it is not in our OpenAPI document."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from emprops.auth.dependencies import AuthorRoute, CurrentCaller, CurrentUser, StartsWork
from emprops.auth.once import Key
from emprops.comfy_api import events, queries, replies, service
from emprops.comfy_api.links import Linking, Links
from emprops.comfy_api.planning import collection_id_of
from emprops.comfy_api.schemas import SubmitBody, filter_of
from emprops.comfy_api.service import Sender, Submission, Wanted
from emprops.comfy_api.states import CANCELED, STATUS
from emprops.credits.service import terms_from
from emprops.errors import BadRequestError
from emprops.jobs.endpoints import Looking
from emprops.jobs.place import place_of
from emprops.jobs.preview import said_of
from emprops.jobs.queries import has_ended_at, to_bytes
from emprops.jobs.stream import row_id_of, saw_end
from emprops.jobs.stream_parameters import LastEventHeader, LastEventQuery, last_event_id_of
from emprops.kit.web.endpoint import Reader, Resources, Shared, Tx, note, router
from emprops.kit.web.sse import event_stream
from emprops.moderation.verdicts import NOTHING_TO_CHECK, Cleared
from emprops.orchestrator.endpoints.generations import Moderating, Sending
from emprops.orchestrator.start.moderated import clear_plan
from emprops.workflows.machines import LiveMachines

routes = router(prefix="/v2/jobs", tags=["generation"], include_in_schema=False)

MOST = 100
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str | None, Query(max_length=200)]
Words = frozenset({*STATUS.values(), CANCELED, "canceling", "expired"})


async def read_body(body: SubmitBody) -> Submission:
    """Check the form of a submission."""
    return service.read_submission(body)


Submitted = Annotated[Submission, Depends(read_body)]


async def cleared_submission(
    submission: Submitted, user_id: CurrentUser, machines: LiveMachines, resources: Shared, moderator: Moderating
) -> Cleared:
    """Have what is to be run checked, if it has to be."""
    if not moderator.on:
        return NOTHING_TO_CHECK
    async with resources.database.reader() as reader:
        planned = await service.plan(reader, resources.settings, user_id, submission, machines)
    variables = {"workflow": submission.graph}
    return await clear_plan(resources, moderator, user_id, collection_id_of(user_id), variables, planned)


ClearedSubmission = Annotated[Cleared, Depends(cleared_submission)]
"""Declare it before the transaction, which should not be open while moderation is asked."""


@routes.post("", status_code=201, dependencies=[StartsWork, AuthorRoute])
async def submit_graph(
    submission: Submitted,
    request: Request,
    caller: CurrentCaller,
    user_id: CurrentUser,
    machines: LiveMachines,
    cleared: ClearedSubmission,
    links: Linking,
    tx: Tx,
    resources: Shared,
    dispatcher: Sending,
    key: Key = None,
) -> Response:
    """Start a job that runs this graph."""
    planned = await service.plan(tx, resources.settings, user_id, submission, machines)
    job_id = await service.submit(
        tx,
        Sender(user_id, caller.principal, caller.key_id, key),
        submission,
        planned=planned,
        cleared=cleared,
        terms=terms_from(resources.settings),
        dispatcher=dispatcher,
    )
    note(request, job_id=str(job_id))
    return answer(replies.job_json(await service.get_job(tx, user_id, str(job_id)), links), status=201)


@routes.get("")
async def list_graph_jobs(
    request: Request,
    user_id: CurrentUser,
    links: Linking,
    reader: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: str | None = None,
) -> Response:
    """List the user's jobs, newest first."""
    if status is not None and status not in Words:
        raise BadRequestError(f"status is one of {', '.join(sorted(Words))}.")
    wanted = Wanted(filter_of(request.query_params.multi_items()), status, cursor or None, limit)
    jobs, following = await service.list_jobs(reader, user_id, wanted)
    body: dict[str, Any] = {"jobs": [replies.listed_json(job, links) for job in jobs]}
    return answer(body | ({"next_cursor": following} if following else {}))


@routes.get("/{job_id}")
async def get_graph_job(job_id: str, user_id: CurrentUser, links: Linking, resources: Shared) -> Response:
    """Read a job."""
    async with resources.database.reader() as reader:
        job = await service.get_job(reader, user_id, job_id)
    return answer(await _shown(job, links, resources))


@routes.get("/{job_id}/workflow")
async def get_graph(job_id: str, user_id: CurrentUser, reader: Reader) -> Response:
    """Read the graph that a job runs, as it was sent."""
    workflow = await queries.workflow_of(reader, user_id, service.id_of(job_id))
    if workflow is None:
        raise service.no_job()
    return answer({"workflow": orjson.Fragment(workflow), "format": "api"})


@routes.get("/{job_id}/events")
async def follow_graph_job(
    job_id: str,
    request: Request,
    user_id: CurrentUser,
    links: Linking,
    resources: Shared,
    lookout: Looking,
    last_event_header: LastEventHeader = None,
    last_event_id: LastEventQuery = None,
) -> Response:
    """Follow a job until it has ended. Who comes back with the id of the last event continues there."""
    last_seen = last_event_id_of(last_event_header, last_event_id)
    last_row = row_id_of(last_seen)
    async with resources.database.reader() as reader:
        job = await service.get_job(reader, user_id, job_id)
        if last_row is not None and saw_end(last_seen) and await has_ended_at(reader, job.id, last_row):
            return Response(status_code=204)
    feed = events.feed_of(lookout, job.id, last_row, links, await _position(job, resources))
    return event_stream(request, feed, user=str(user_id))


@routes.post("/{job_id}/cancel")
async def cancel_graph_job(job_id: str, user_id: CurrentUser, links: Linking, tx: Tx, dispatcher: Sending) -> Response:
    """Cancel a job. One that has ended stays as it is."""
    return answer(replies.job_json(await service.cancel(tx, user_id, job_id, dispatcher), links))


async def _shown(job: queries.JobRow, links: Links, resources: Resources) -> dict[str, Any]:
    if job.graph is not None:
        said = await said_of(resources.redis, resources.settings.queue_prefix, job.id)
        return replies.job_json(job, links, said=said)
    return replies.job_json(job, links, position=await _position(job, resources))


async def _position(job: queries.JobRow, resources: Resources) -> int | None:
    """Return a waiting job's place in the queue; None if it does not wait, or while Redis does not answer."""
    if job.waiting_step is None or job.status != "pending":
        return None
    place = await place_of(resources, job.waiting_step, held_back=job.held_back)
    return None if place is None else int(place["position"])


def answer(body: dict[str, Any], *, status: int = 200) -> Response:
    """Answer in this API's form, which has no envelope."""
    return Response(to_bytes(body), status, media_type="application/json")
