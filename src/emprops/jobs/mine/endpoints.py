"""Follow all of one's jobs in one stream of server-sent events. ``live`` has the same over WebSockets."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from emprops.auth.caller import Caller
from emprops.auth.dependencies import CurrentCaller, MyStreamCaller
from emprops.auth.reading import reads_only
from emprops.auth.tickets import MY_STREAM, TICKET_LIFE, issue_ticket
from emprops.errors import UnauthorizedError
from emprops.jobs.mine.events import MyStream
from emprops.jobs.mine.follow import MyJobs
from emprops.jobs.mine.news import CHANGED, PREVIEW, SUBSCRIBED, Previews
from emprops.jobs.schemas import StreamTicket
from emprops.jobs.stream_parameters import LastEventHeader, LastEventQuery, last_event_id_of
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import Envelope, ok
from emprops.kit.web.parts import Part
from emprops.kit.web.sse import described, event_stream

routes = router(prefix="/jobs", tags=["jobs"])

MY_JOBS: Part[MyJobs] = Part("my_jobs")
"""Who looks for all who follow their jobs."""
Following = Annotated[MyJobs, Depends(MY_JOBS.depend)]
MyPreviewQuery = Annotated[
    Previews,
    Query(description="Whether `my_job_preview` names the `url` of a picture, has it as a `data_url`, or is left out."),
]
STREAM: dict[int | str, dict[str, Any]] = {
    200: described(
        "`mine_subscribed` with the open jobs, or with what changed since `Last-Event-ID`; then `my_job` whenever a job"
        " begins, changes or ends, and `my_job_preview` when a running step shows what it is making.",
        events=[SUBSCRIBED, CHANGED, PREVIEW],
        example={
            "event": CHANGED,
            "data": '{"at":"1768046404500000","job":{"id":"0192f3a4-…","status":"processing"}}',
            "id": "1768046404500000",
        },
        id_is="The cursor, which `Last-Event-ID` takes.",
    ),
}


@routes.post("/stream-ticket", status_code=201)
@reads_only
async def create_my_stream_ticket(caller: CurrentCaller, resources: Shared) -> Envelope[StreamTicket]:
    """Issue a ticket that opens the stream of the caller's jobs once, as `?ticket=…`, for clients that cannot send
    headers with it."""
    _user_of(caller)
    ticket = await issue_ticket(resources.redis, resources.settings.queue_prefix, caller, MY_STREAM)
    return ok(StreamTicket(ticket=ticket, expires_in=TICKET_LIFE))


@routes.get("/stream", response_class=Response, responses=STREAM)
async def stream_my_jobs(
    request: Request,
    caller: MyStreamCaller,
    my_jobs: Following,
    last_event_header: LastEventHeader = None,
    last_event_id: LastEventQuery = None,
    previews: MyPreviewQuery = "url",
) -> Response:
    """Follow all jobs of the caller, also those that are begun later, or elsewhere. Reconnecting with the last id seen
    tells what changed meanwhile; if that is too much or too long ago, `resync` is true: load your lists again."""
    user_id = _user_of(caller)
    since = last_event_id_of(last_event_header, last_event_id)
    feed = partial(MyStream, my_jobs, user_id=user_id, since=since, previews=previews)
    return event_stream(request, feed, user=str(user_id))


def _user_of(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise UnauthorizedError("Say for which user this is.")
    return caller.user_id
