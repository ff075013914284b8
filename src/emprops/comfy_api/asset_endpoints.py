"""Comfy API v2: assets. Results of jobs are assets, under the id of their output."""

from typing import Annotated, Any

from fastapi import Body
from starlette.requests import Request
from starlette.responses import Response

from emprops.assets.endpoints import shelf_of
from emprops.assets.service import Kept
from emprops.assets.uploads import FORM, upload_of
from emprops.auth.dependencies import CurrentCaller, CurrentUser
from emprops.auth.once import Key
from emprops.comfy_api import asset_service, replies
from emprops.comfy_api.asset_service import Once, read_fields
from emprops.comfy_api.endpoints import answer
from emprops.comfy_api.links import Linking, Links
from emprops.comfy_api.queries import ResultRow
from emprops.errors import BadRequestError
from emprops.kit.web.endpoint import Reader, Shared, Tx, media_type_of, router
from emprops.media.serving import PRIVATE, send_file

routes = router(prefix="/v2/assets", tags=["assets"], include_in_schema=False)


@routes.post("")
async def upload_graph_asset(
    request: Request, caller: CurrentCaller, user_id: CurrentUser, links: Linking, resources: Shared, key: Key = None
) -> Response:
    """Bring a file, as one part of a form."""
    if media_type_of(request) != FORM:
        raise BadRequestError("Send the file as the part 'file' of a form (multipart/form-data).")
    shelf = shelf_of(resources)
    once = Once(caller.principal, key)
    await once.check(shelf)
    async with upload_of(request, resources.settings, read_fields) as (incoming, said):
        return _kept(await asset_service.keep(shelf, user_id, incoming, said, once), links)


@routes.post("/from-hash")
async def keep_graph_asset(
    body: Annotated[dict[str, Any], Body()], user_id: CurrentUser, links: Linking, resources: Shared
) -> Response:
    """Keep a file that the user has already."""
    return _kept(await asset_service.keep_again(shelf_of(resources), user_id, body), links)


@routes.get("/by-hash/{content}")
async def find_graph_asset(content: str, user_id: CurrentUser, reader: Reader) -> Response:
    """Return whether the user has a file. Clients send HEAD."""
    await asset_service.check_hash(reader, user_id, content)
    return Response()


@routes.get("/{asset_id}")
async def get_graph_asset(asset_id: str, user_id: CurrentUser, links: Linking, reader: Reader) -> Response:
    """Read what is known of an asset."""
    asset = await asset_service.get(reader, user_id, asset_id)
    if isinstance(asset, ResultRow):
        return answer(replies.result_json(asset, links))
    return answer(replies.asset_json(asset, links))


@routes.delete("/{asset_id}")
async def delete_graph_asset(asset_id: str, user_id: CurrentUser, tx: Tx) -> Response:
    """Delete a file that the user brought."""
    await asset_service.delete(tx, user_id, asset_id)
    return Response(status_code=204)


@routes.get("/{asset_id}/content")
async def get_graph_asset_content(asset_id: str, request: Request, user_id: CurrentUser, resources: Shared) -> Response:
    """Send an asset's content, or a range of it."""
    async with resources.database.reader() as reader:
        asset = await asset_service.get(reader, user_id, asset_id)
    return await send_file(request, resources.storage, asset.key, headers=PRIVATE, name=asset.name)


def _kept(kept: Kept, links: Links) -> Response:
    body = replies.asset_json(kept.asset, links, created_new=kept.is_new)
    return answer(body, status=201 if kept.is_new else 200)
