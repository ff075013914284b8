"""Bring files, list, read and delete them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.responses import Response

from emprops.assets import queries, service
from emprops.assets.schemas import AssetView, DeletedAsset, view_of
from emprops.assets.service import AssetInUseError, Kept, Shelf
from emprops.assets.uploads import FORM, LONGEST_LIFE, upload_of, wishes_of
from emprops.auth.dependencies import AssetReader, CurrentCaller, CurrentUser
from emprops.auth.file_links import FILE_LINKS, FileLinks
from emprops.auth.once import Key
from emprops.errors import TooLargeError
from emprops.kit.web.cursors import Listed, Seeking, reply_part
from emprops.kit.web.endpoint import Reader, Resources, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.idempotency import begin, check
from emprops.media.serving import PRIVATE, REPLIES, send_file

routes = router(prefix="/assets", tags=["assets"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form with it.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "name": {"type": "string"},
                        "keep_metadata": {"type": "boolean"},
                        "expires_in": {"type": "number"},
                    },
                }
            },
        },
    }
}
Signing = Annotated[FileLinks, Depends(FILE_LINKS.depend)]
MediaType = Annotated[Literal["image", "video", "audio", "text"] | None, Query(description="Only these.")]


def shelf_of(resources: Resources) -> Shelf:
    """Return what assets are kept with."""
    return Shelf(resources.database, resources.storage, resources.settings)


async def _kept(
    request: Request, caller: CurrentCaller, user_id: CurrentUser, resources: Shared, key: Key = None
) -> tuple[Kept, str]:
    """Take the file in and keep it, before the request's transaction begins; with the hash of what was sent."""
    async with upload_of(request, resources.settings, wishes_of) as (incoming, wishes):
        if key is not None:  # nothing is kept of a request that cannot be answered
            async with resources.database.transaction() as tx:
                await check(tx, request, principal=caller.principal, key=key, content=incoming.blake3)
        return await service.keep(shelf_of(resources), user_id, incoming, wishes), incoming.blake3


@routes.post(
    "",
    status_code=201,
    operation_id="createAsset",
    openapi_extra=BODY,
    responses=failures(_413=TooLargeError("The file is larger than 100 MB; send a smaller one.")),
)
async def create_asset(
    request: Request,
    caller: CurrentCaller,
    kept: Annotated[tuple[Kept, str], Depends(_kept)],
    tx: Tx,
    resources: Shared,
    links: Signing,
    key: Key = None,
    _name: Annotated[str, Query(alias="name", max_length=1000, description="A file name, for lists.")] = "",
    _keep: Annotated[
        bool, Query(alias="keep_metadata", description="Store a picture as it comes, with what is told in it.")
    ] = False,
    _life: Annotated[
        float | None, Query(alias="expires_in", gt=0, le=LONGEST_LIFE, description="Seconds until it is removed.")
    ] = None,
) -> Envelope[AssetView]:
    """Bring a file, to generate from. The same file again is the same asset.

    Its type is told by its content. Pictures are turned upright and lose their metadata; HEIC becomes JPEG.
    """
    made, content = kept
    if key is not None:
        await begin(tx, request, principal=caller.principal, key=key, content=content)
    return ok(view_of(made.asset, resources.settings, links))


@routes.get("", operation_id="listAssets", response_model=Listed[AssetView])
async def list_assets(
    user_id: CurrentUser,
    reader: Reader,
    resources: Shared,
    links: Signing,
    seek: Seeking,
    media_type: MediaType = None,
) -> Response:
    """List the caller's assets, newest first."""
    found = await queries.list_of(reader, user_id, seek, media_type)
    counted = await queries.count_of(reader, user_id, media_type) if seek.count else None
    shown = [view_of(asset, resources.settings, links).model_dump(mode="json") for asset in found]
    return reply_part(found, shown, seek, counted)


@routes.get("/{asset_id}", operation_id="getAsset")
async def get_asset(
    asset_id: UUID, user_id: CurrentUser, reader: Reader, resources: Shared, links: Signing
) -> Envelope[AssetView]:
    """Read one of the caller's assets."""
    return ok(view_of(await service.get(reader, user_id, asset_id), resources.settings, links))


@routes.delete(
    "/{asset_id}",
    operation_id="deleteAsset",
    responses=failures(_409=AssetInUseError("The asset is used by a collection; delete it once it is not.")),
)
async def delete_asset(asset_id: UUID, user_id: CurrentUser, tx: Tx) -> Envelope[DeletedAsset]:
    """Delete one of the caller's assets."""
    asset = await service.delete(tx, user_id, asset_id)
    return ok(DeletedAsset(id=asset.id))


@routes.get("/{asset_id}/content", operation_id="getAssetContent", response_class=Response, responses=REPLIES)
async def get_content(asset_id: UUID, request: Request, user_id: AssetReader, resources: Shared) -> Response:
    """Send what is in one of the caller's assets, or one range of it; also by a signed URL.

    What a browser could run is only a download.
    """
    async with resources.database.reader() as reader:
        asset = await service.get(reader, user_id, asset_id)
    return await send_file(request, resources.storage, asset.key, headers=PRIVATE, name=asset.name)
