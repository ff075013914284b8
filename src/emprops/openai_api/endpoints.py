"""OpenAI's API of images and models, for clients that people already have: collections are its models.

Its paths, shapes and words are OpenAI's, so it is not in our OpenAPI document.
"""

from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from emprops.auth.dependencies import CurrentCaller, CurrentUser, StartsWork
from emprops.auth.once import Key, Once
from emprops.jobs.queries import to_bytes
from emprops.jobs.waiting import Ending, waiter
from emprops.kit.web.asgi import until_answered
from emprops.kit.web.endpoint import Reader, Shared, Tx, entered, replace_reply, resources_of, router
from emprops.media.result_links import Naming
from emprops.moderation.verdicts import Cleared
from emprops.openai_api import service
from emprops.openai_api.failures import PREFIX, MissingParameterError
from emprops.openai_api.forms import PictureRoute
from emprops.openai_api.held import Hold
from emprops.openai_api.schemas import ImageBody
from emprops.openai_api.service import Wanted
from emprops.openai_api.starting import start_wanted, wanted_of
from emprops.orchestrator.endpoints.generations import Moderating, Starting
from emprops.orchestrator.start.moderated import clear_generation
from emprops.workflows.machines import LiveMachines

EDITS: Final = "/images/edits"

routes = router(prefix=PREFIX, tags=["generation"], route_class=PictureRoute, include_in_schema=False)


async def read_body(body: ImageBody) -> ImageBody:
    """Check the form of a request, once for all that look at it."""
    return body


Body = Annotated[ImageBody, Depends(read_body)]


async def wanted_pictures(request: Request, body: Body, user_id: CurrentUser) -> Wanted:
    """Find out what is asked for."""
    if request.url.path.endswith(EDITS) and not body.pictures():
        raise MissingParameterError("image", "Send the picture to change, as image in a form or in images in JSON.")
    return await entered(request, wanted_of(resources_of(request), user_id, body))


WantedPictures = Annotated[Wanted, Depends(wanted_pictures)]


async def cleared_pictures(
    wanted: WantedPictures, user_id: CurrentUser, resources: Shared, moderator: Moderating
) -> Cleared:
    """Have what was asked for checked, if it has to be."""
    return await clear_generation(resources, moderator, user_id, str(wanted.collection_id), wanted.variables)


ClearedPictures = Annotated[Cleared, Depends(cleared_pictures)]
"""Declare it before the transaction, which should not be open while moderation is asked."""


async def held_pictures(
    request: Request,
    body: Body,
    wanted: WantedPictures,
    caller: CurrentCaller,
    resources: Shared,
    results: Naming,
    ends: Ending,
    key: Key = None,
) -> Hold:
    """Have the reply held back until the pictures are there."""
    stack = until_answered(request.scope)
    stack.enter_context(ends.place(waiter(caller)))
    kind = "image_edit" if request.url.path.endswith(EDITS) else "image_generation"
    hold = Hold(resources, results, ends, stack, body, wanted.format, kind, sent_again=key is not None)
    replace_reply(request, hold.back)
    return hold


HeldPictures = Annotated[Hold, Depends(held_pictures)]
"""Declare it before the transaction: who waits too often is refused before anything is stored."""


@routes.post(EDITS, dependencies=[StartsWork])
@routes.post("/images/generations", dependencies=[StartsWork])
async def create_image(
    wanted: WantedPictures,
    request: Request,
    caller: CurrentCaller,
    user_id: CurrentUser,
    machines: LiveMachines,
    cleared: ClearedPictures,
    hold: HeldPictures,
    starts: Starting,
    tx: Tx,
    _once: Once,
) -> Response:
    """Make pictures of a text, or of pictures and a text, and answer when they are there."""
    job_id = await start_wanted(starts, tx, request, caller, user_id, wanted, cleared=cleared, machines=machines)
    hold.is_new = True
    return answer({"job_id": job_id})


@routes.get("/models")
async def list_picture_models(user_id: CurrentUser, reader: Reader, resources: Shared) -> Response:
    """List the models that make pictures: collections of the caller's, and public ones."""
    return answer({"object": "list", "data": await service.list_models(reader, resources.settings, user_id)})


@routes.get("/models/{model}")
async def get_picture_model(model: str, user_id: CurrentUser, reader: Reader, resources: Shared) -> Response:
    """Read one model."""
    return answer(await service.get_model(reader, resources.settings, user_id, model))


def answer(body: dict[str, Any]) -> Response:
    """Answer in this API's form, which has no envelope."""
    return Response(to_bytes(body), media_type="application/json")
