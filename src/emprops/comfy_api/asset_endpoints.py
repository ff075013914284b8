"""Comfy API v2: assets. Results of jobs are assets, under the id of their output."""

from starlette.requests import Request
from starlette.responses import Response

from emprops.auth.dependencies import CurrentUser
from emprops.comfy_api import asset_service, replies
from emprops.comfy_api.endpoints import answer
from emprops.comfy_api.links import Linking
from emprops.comfy_api.queries import ResultRow
from emprops.kit.web.endpoint import Reader, Shared, router
from emprops.media.serving import PRIVATE, send_file

routes = router(prefix="/v2/assets", tags=["assets"], include_in_schema=False)


@routes.get("/{asset_id}")
async def get_graph_asset(asset_id: str, user_id: CurrentUser, links: Linking, reader: Reader) -> Response:
    """Read what is known of an asset."""
    asset = await asset_service.get(reader, user_id, asset_id)
    if isinstance(asset, ResultRow):
        return answer(replies.result_json(asset, links))
    return answer(replies.asset_json(asset, links))


@routes.get("/{asset_id}/content")
async def get_graph_asset_content(asset_id: str, request: Request, user_id: CurrentUser, resources: Shared) -> Response:
    """Send an asset's content, or a range of it."""
    async with resources.database.reader() as reader:
        asset = await asset_service.get(reader, user_id, asset_id)
    return await send_file(request, resources.storage, asset.key, headers=PRIVATE, name=asset.name)
