"""Read a job and its history; follow a job live. Lists are in ``list_endpoints.py``."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.caller import Caller, may_touch
from emprops.auth.dependencies import CurrentCaller, StreamCaller
from emprops.auth.reading import reads_only
from emprops.auth.tickets import TICKET_LIFE, issue_ticket, stream_of
from emprops.errors import NotFoundError, TooManyRequestsError
from emprops.jobs import queries
from emprops.jobs.ends import FULL
from emprops.jobs.forensics import evidence
from emprops.jobs.forensics_schemas import ForensicsReply
from emprops.jobs.lookout import Lookout
from emprops.jobs.place import place_of
from emprops.jobs.preview import Way, latest_preview
from emprops.jobs.schemas import DETAIL_EXAMPLE, HistoryRow, JobView, StreamTicket
from emprops.jobs.states import OPEN
from emprops.jobs.stream import Follower, InlineFollower, row_id_of, saw_end
from emprops.jobs.stream_parameters import LastEventHeader, LastEventQuery, last_event_id_of
from emprops.jobs.waiting import ENDS, applied, end_within, waiter
from emprops.kit.database import Transaction
from emprops.kit.web.endpoint import Reader, Resources, Shared, resources_of, router
from emprops.kit.web.envelope import Envelope, failures, ok, reply
from emprops.kit.web.paging import Paging
from emprops.kit.web.parts import Part
from emprops.kit.web.prefer import APPLIED_HEADER, PreferHeader, WaitQuery, seconds_to_wait
from emprops.kit.web.sse import described, event_stream
from emprops.media.result_links import RESULT_LINKS, Naming, ResultLinks

routes = router(prefix="/jobs", tags=["jobs"])

STREAM: dict[int | str, dict[str, Any]] = {
    200: described(
        "`history_init`, then `job_update` and `job_history` until the job has ended; `job_preview` when a running step"
        " shows what it is making.",
        events=["history_init", "job_update", "job_history", "job_preview"],
        example={"event": "job_update", "data": '{"id":"0192f3a4-…","status":"processing"}', "id": "7"},
        id_is="What `Last-Event-ID` takes.",
    ),
    204: {"description": "The client has seen how the job ended; a browser does not connect again."},
}
PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A small picture, or the text so far.",
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")},
            "text/plain": {"schema": {"type": "string"}, "example": "A red fox stands in the"},
        },
    },
    304: {"description": "The preview the client has is still the latest one."},
}
PreviewQuery = Annotated[
    Way, Query(description="Whether `job_preview` names the `url` of a picture, or has it as a `data_url` (`inline`).")
]


LOOKOUT: Part[Lookout] = Part("lookout")
"""Who looks for the process's streams."""
Looking = Annotated[Lookout, Depends(LOOKOUT.depend)]


@routes.get(
    "/{job_id}",
    response_model=Envelope[JobView],
    responses={
        200: {
            "headers": APPLIED_HEADER,
            "content": {"application/json": {"example": {"data": DETAIL_EXAMPLE, "error": None}}},
        },
        **failures(_429=TooManyRequestsError(FULL.format(100))),
    },
)
async def get_job(
    job_id: UUID, request: Request, caller: CurrentCaller, wait: WaitQuery = None, _prefer: PreferHeader = None
) -> Response:
    """Read a job's present state and, while it waits for a worker, its place in the queue and what keeps it there.

    With `wait`, the answer comes when the job has ended, or after that time with the job as it stands.
    """
    # what is asked most takes the parts of its process itself: FastAPI would need 12 µs for each
    resources, results, ends = resources_of(request), RESULT_LINKS.of(request), ENDS.of(request)
    seconds = seconds_to_wait(request, wait)
    if not seconds:
        return await _shown(resources, results, await _readable(resources, caller, job_id))
    with ends.place(waiter(caller)), ends.expecting(str(job_id)) as end:
        job = await _readable(resources, caller, job_id)
        if job.status in OPEN:
            job = await end_within(request.scope, end, seconds) or await _readable(resources, caller, job_id)
    return applied(await _shown(resources, results, job), seconds)


async def _readable(resources: Resources, caller: Caller, job_id: UUID) -> queries.JobDetail:
    async with resources.database.reader() as reader:
        job = await queries.detail_of(reader, job_id)
        await _check(reader, caller, None if job is None else job.user_id)
    assert job is not None  # noqa: S101 - checked
    return job


async def _shown(resources: Resources, results: ResultLinks, job: queries.JobDetail) -> Response:
    place = None
    if job.waiting_step is not None and job.moderation != "start_review":
        place = await place_of(resources, job.waiting_step, held_back=job.held_back)
    return reply(queries.detail_json(queries.named(job, results), place))


@routes.get("/{job_id}/forensics", operation_id="getJobForensics", response_model=ForensicsReply)
async def get_forensics(job_id: UUID, caller: CurrentCaller, resources: Shared, results: Naming) -> Response:
    """Collect all that is known of a job: its files, steps of all attempts, backups, history, and what the queue has,
    attests and knows of the workers. `queue`, `attestations` and `workers` are null while Redis does not answer."""
    async with resources.database.reader() as reader:
        job = await queries.job_of(reader, job_id)
        await _check(reader, caller, None if job is None else job.user_id)
    assert job is not None  # noqa: S101 - checked
    with_results = caller.is_service or not job.moderated
    found = await evidence(
        resources.database, resources.redis, resources.settings.queue_prefix, job, results, with_results=with_results
    )
    document = {"data": {"job": found}, "error": None, "job": found}
    return Response(queries.to_bytes(document), media_type="application/json")


@routes.get(
    "/{job_id}/history",
    operation_id="getJobHistory",
    response_model=Envelope[list[HistoryRow]],
)
async def get_history(job_id: UUID, caller: CurrentCaller, reader: Reader, page: Paging) -> Response:
    """List what happened to a job, oldest first."""
    await _check(reader, caller, await queries.owner_of(reader, job_id))
    return reply(await queries.history_of(reader, job_id, page))


@routes.get(
    "/{job_id}/preview",
    operation_id="getJobPreview",
    response_class=Response,
    responses=PREVIEW,
)
async def get_preview(job_id: UUID, request: Request, caller: CurrentCaller, resources: Shared) -> Response:
    """Look at what a running job is making. 404 while there is nothing to see, and once the job has ended."""
    async with resources.database.reader() as reader:
        job = await queries.job_of(reader, job_id)
        await _check(reader, caller, None if job is None else job.user_id)
    assert job is not None  # noqa: S101 - checked
    shown = None
    if job.status in OPEN and not job.moderated:
        shown = await latest_preview(resources.redis, resources.settings.queue_prefix, job_id)
    if shown is None:
        raise NotFoundError("This job shows no preview now.")
    headers = {"ETag": f'"{shown.seq}"', "Content-Type": shown.preview.mime_type}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(shown.preview.content, headers=headers)


@routes.post("/{job_id}/stream-ticket", status_code=201)
@reads_only
async def create_stream_ticket(
    job_id: UUID, caller: CurrentCaller, reader: Reader, resources: Shared
) -> Envelope[StreamTicket]:
    """Issue a ticket that opens the job's stream once, as `?ticket=…`: EventSource in browsers cannot send headers."""
    await _check(reader, caller, await queries.owner_of(reader, job_id))
    ticket = await issue_ticket(resources.redis, resources.settings.queue_prefix, caller, stream_of(job_id))
    return ok(StreamTicket(ticket=ticket, expires_in=TICKET_LIFE))


@routes.get("/{job_id}/events", include_in_schema=False)
@routes.get("/{job_id}/stream", response_class=Response, responses=STREAM)
async def stream_job(
    job_id: UUID,
    request: Request,
    caller: StreamCaller,
    resources: Shared,
    lookout: Looking,
    last_event_header: LastEventHeader = None,
    last_event_id: LastEventQuery = None,
    previews: PreviewQuery = "url",
) -> Response:
    """Follow a job until it has ended. Reconnecting with the last id seen continues where the stream broke off; after
    the last event it answers 204, which keeps browsers from connecting again."""
    async with resources.database.reader() as reader:
        await _check(reader, caller, await queries.owner_of(reader, job_id))
    last_seen = last_event_id_of(last_event_header, last_event_id)
    last_row = row_id_of(last_seen)
    if last_row is not None and saw_end(last_seen):
        async with resources.database.reader() as reader:
            if await queries.has_ended_at(reader, job_id, last_row):
                return Response(status_code=204)
    make = InlineFollower if previews == "inline" else Follower
    feed = partial(lookout.follow, job_id=job_id, last_row=last_row, make=make)
    return event_stream(request, feed, user=str(caller.user_id or ""))


async def _check(reader: Transaction, caller: Caller, owner: UUID | None) -> None:
    """Raise :class:`NotFoundError` unless a job is the caller's business."""
    if not may_touch(caller, owner):
        raise NotFoundError("Job not found")
    await foreign.note_service(reader, caller, owner)
