"""OpenAI's API of videos: start one, ask how it goes, fetch it, list and delete them."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from emprops.auth.dependencies import CurrentCaller, CurrentUser, StartsWork
from emprops.auth.once import Once
from emprops.jobs import change_store
from emprops.jobs.states import OPEN
from emprops.kit.web.endpoint import Reader, Shared, Tx, entered, resources_of, router
from emprops.media.result_links import Naming
from emprops.media.serving import PRIVATE, send_file
from emprops.moderation.verdicts import Cleared
from emprops.openai_api import video_queries, videos
from emprops.openai_api.endpoints import answer
from emprops.openai_api.failures import PREFIX
from emprops.openai_api.forms import VideoRoute
from emprops.openai_api.schemas import VideoBody
from emprops.openai_api.service import Wanted
from emprops.openai_api.starting import start_wanted, wanted_of
from emprops.openai_api.video_queries import Video
from emprops.openai_api.videos import POLL, video_json
from emprops.orchestrator.change.cancel import cancel_job
from emprops.orchestrator.endpoints.generations import Moderating, Sending, Starting
from emprops.orchestrator.start.moderated import clear_generation
from emprops.outputs import arranging
from emprops.workflows.machines import LiveMachines

routes = router(prefix=f"{PREFIX}/videos", tags=["generation"], route_class=VideoRoute, include_in_schema=False)


async def read_body(body: VideoBody) -> VideoBody:
    """Check the form of a request, once for all that look at it."""
    return body


Body = Annotated[VideoBody, Depends(read_body)]


async def wanted_video(request: Request, body: Body, user_id: CurrentUser) -> Wanted:
    """Find out what is asked for."""
    return await entered(request, wanted_of(resources_of(request), user_id, body))


WantedVideo = Annotated[Wanted, Depends(wanted_video)]


async def cleared_video(wanted: WantedVideo, user_id: CurrentUser, resources: Shared, moderator: Moderating) -> Cleared:
    """Have what was asked for checked, if it has to be."""
    return await clear_generation(resources, moderator, user_id, str(wanted.collection_id), wanted.variables)


ClearedVideo = Annotated[Cleared, Depends(cleared_video)]
"""Declare it before the transaction, which should not be open while moderation is asked."""


@routes.post("", dependencies=[StartsWork])
async def create_video(
    wanted: WantedVideo,
    body: Body,
    request: Request,
    caller: CurrentCaller,
    user_id: CurrentUser,
    machines: LiveMachines,
    cleared: ClearedVideo,
    starts: Starting,
    tx: Tx,
    _once: Once,
) -> Response:
    """Start making a video of a text, or of a picture and a text."""
    about = videos.asked(body)
    job_id = await start_wanted(
        starts, tx, request, caller, user_id, wanted, cleared=cleared, machines=machines, about=about
    )
    return _shown(await videos.get(tx, user_id, str(job_id)))


@routes.get("")
async def list_videos(
    user_id: CurrentUser,
    reader: Reader,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> Response:
    """List the caller's videos, newest first unless asked otherwise."""
    last = None if after is None else (await videos.get(reader, user_id, after)).id
    found = await video_queries.list_of(reader, user_id, after=last, limit=limit + 1, oldest_first=order == "asc")
    shown = [video_json(video) for video in found[:limit]]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return answer({"object": "list", "data": shown, "has_more": len(found) > limit, **ends})


@routes.get("/{video_id}")
async def get_video(video_id: str, user_id: CurrentUser, reader: Reader) -> Response:
    """Read how a video goes."""
    return _shown(await videos.get(reader, user_id, video_id))


@routes.get("/{video_id}/content")
async def get_video_content(
    video_id: str,
    request: Request,
    user_id: CurrentUser,
    resources: Shared,
    results: Naming,
    variant: Literal["video", "thumbnail"] = "video",
) -> Response:
    """Send a video that is there, or its thumbnail."""
    async with resources.database.reader() as reader:
        video = await videos.get(reader, user_id, video_id)
        key = await videos.key_of_content(reader, results, video, variant)
    return await send_file(request, resources.storage, key, headers=PRIVATE)


@routes.delete("/{video_id}")
async def delete_video(video_id: str, user_id: CurrentUser, tx: Tx, dispatcher: Sending) -> Response:
    """Delete a video; one that is being made is cancelled first."""
    video = await videos.get(tx, user_id, video_id)
    job = await change_store.lock(tx, video.id, owner=user_id)
    if job is not None and job.status in OPEN:
        await cancel_job(tx, job, dispatcher)
    await arranging.hide(tx, user_id, await video_queries.outputs_of(tx, video.id))
    return answer({"id": video.id, "object": "video.deleted", "deleted": True})


def _shown(video: Video) -> Response:
    response = answer(video_json(video))
    response.headers.update(POLL)
    return response
