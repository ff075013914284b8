"""Bring large files: in parts that may be resumed, as the tus protocol 1.0.0 has it (https://tus.io/protocols), or into
the bucket directly."""

import base64
import binascii
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request
from pydantic import ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from emprops.assets import parts
from emprops.assets.endpoints import Signing, shelf_of
from emprops.assets.parts import NoPresignedUploadsError, UploadIncompleteError
from emprops.assets.schemas import AssetView, view_of
from emprops.assets.service import Wishes
from emprops.assets.upload_store import Unfinished
from emprops.assets.uploads import LONGEST_LIFE, last_part, wishes_of
from emprops.auth.dependencies import CurrentUser
from emprops.auth.once import Once
from emprops.errors import BadRequestError, RequestTimeoutError, UnsupportedMediaTypeError
from emprops.kit.web.endpoint import Reader, Shared, Tx, media_type_of, router
from emprops.kit.web.envelope import Envelope, failures, ok
from emprops.kit.web.schema import Schema
from emprops.kit.web.spooling import patient

routes = router(prefix="/assets/presigned", tags=["assets"])
tus = router(prefix="/assets/uploads", tags=["assets"], include_in_schema=False)
"""The paths follow a protocol of their own, whose clients know it."""

VERSION = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
PART_TYPE = "application/offset+octet-stream"
MAX_METADATA = 4096
Length = Annotated[int | None, Header(alias="Upload-Length", ge=0, le=2**62)]
Offset = Annotated[int | None, Header(alias="Upload-Offset", ge=0, le=2**62)]
Metadata = Annotated[str, Header(alias="Upload-Metadata", max_length=MAX_METADATA)]


@tus.post("", operation_id="beginUpload")
async def begin_upload(
    user_id: CurrentUser, resources: Shared, upload_length: Length = None, upload_metadata: Metadata = ""
) -> Response:
    """Begin an upload; answers with its address."""
    if upload_length is None:
        raise BadRequestError("Say in the header Upload-Length how many bytes the file has.")
    upload = await parts.begin(shelf_of(resources), user_id, upload_length, _wishes(upload_metadata))
    address = f"{resources.settings.base_path}/assets/uploads/{upload.id}"
    return Response(status_code=201, headers={**_headers(upload), "Location": address})


@tus.get("/{upload_id}", operation_id="getUpload")
async def get_upload(upload_id: UUID, user_id: CurrentUser, reader: Reader) -> Response:
    """Say, in headers, how far an upload is, and what it became."""
    return Response(status_code=200, headers=_headers(await parts.get(reader, user_id, upload_id)))


@tus.patch("/{upload_id}", operation_id="continueUpload")
async def continue_upload(
    upload_id: UUID, request: Request, user_id: CurrentUser, resources: Shared, upload_offset: Offset = None
) -> Response:
    """Take the next bytes of an upload."""
    if upload_offset is None:
        raise BadRequestError("Say in the header Upload-Offset which byte of the file comes first.")
    if media_type_of(request) != PART_TYPE:
        raise UnsupportedMediaTypeError(f"Send parts with the header 'Content-Type: {PART_TYPE}'.")
    chunks = _until_it_breaks(patient(request, resources.settings.body_timeout))
    upload = await parts.take(shelf_of(resources), user_id, upload_id, upload_offset, chunks)
    return Response(status_code=204, headers=_headers(upload))


@tus.delete("/{upload_id}", operation_id="deleteUpload")
async def delete_upload(upload_id: UUID, user_id: CurrentUser, resources: Shared) -> Response:
    """Delete an upload. What it became stays."""
    async with resources.database.reader() as reader:
        upload = await parts.get(reader, user_id, upload_id)
    await parts.give_up(shelf_of(resources), upload)
    return Response(status_code=204, headers=VERSION)


def _headers(upload: Unfinished) -> dict[str, str]:
    became = {} if upload.asset_id is None else {"Asset-Id": str(upload.asset_id)}
    return {
        **VERSION,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size_bytes),
        "Upload-Expires": f"{upload.expires_at:%a, %d %b %Y %H:%M:%S} GMT",
        **became,
    }


async def _until_it_breaks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except (ClientDisconnect, RequestTimeoutError):
        return


def _wishes(metadata: str) -> Wishes:
    """Read ``name value`` pairs with values in base64; a name without one is true."""
    said = {}
    for pair in filter(None, (part.strip() for part in metadata.split(","))):
        name, _, value = pair.partition(" ")
        try:
            said[name] = base64.b64decode(value, validate=True).decode() if value else "true"
        except (binascii.Error, ValueError):
            raise BadRequestError(f"Upload-Metadata: {name[:80]} has a value that is no text in base64.") from None
    return wishes_of(said, said.get("filename", ""))


EXAMPLE: dict[str, Any] = {
    "id": "0192f3a4-0000-7000-8000-000000000062",
    "url": "https://media.s3.amazonaws.com/assets/parts/5d.bin?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0f",
    "expires_at": "2026-01-11T12:00:00Z",
}


class NewPresigned(Schema):
    """A file that its owner puts into the bucket."""

    model_config = ConfigDict(json_schema_extra={"example": {"size_bytes": 2480112, "name": "harbour.jpg"}})

    size_bytes: int = Field(ge=1, le=2**62)
    """How many bytes it has."""
    name: str = Field(default="", max_length=1000)
    """A file name, for lists."""
    keep_metadata: bool = False
    """Store a picture as it comes, with what is told in it."""
    expires_in: float | None = Field(default=None, gt=0, le=LONGEST_LIFE)
    """Seconds after which the asset is removed; null: as the settings say."""


class PresignedView(Schema):
    """Where a file is to be put."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: UUID
    """What the upload is completed by."""
    url: str
    """Where the file is sent with PUT, within an hour, without further headers."""
    expires_at: datetime
    """When the upload is given up, unless it is completed."""


@routes.post(
    "",
    status_code=201,
    operation_id="presignUpload",
    responses=failures(_409="The caller has as many unfinished uploads as there may be."),
)
async def presign_upload(
    body: NewPresigned, user_id: CurrentUser, resources: Shared, tx: Tx, _once: Once
) -> Envelope[PresignedView]:
    """Get a URL that takes a file into the bucket, past the api; then complete the upload.

    Where files are not stored in a bucket, this is refused as `no_presigned_uploads`.
    """
    shelf = shelf_of(resources)
    await parts.check_presigned(shelf)
    wishes = Wishes(last_part(body.name), body.keep_metadata, body.expires_in)
    upload = await parts.insert(tx, shelf.settings, user_id, body.size_bytes, wishes, presigned=True)
    url = await parts.presigned_url(shelf, upload)
    if url is None:
        raise NoPresignedUploadsError("Files are not stored in a bucket here; send the file to POST /assets.")
    return ok(PresignedView(id=upload.id, url=url, expires_at=upload.expires_at))


@routes.post(
    "/{upload_id}/complete",
    operation_id="completeUpload",
    responses=failures(
        _409=UploadIncompleteError("The file has not arrived; put it to the url of the upload first."),
    ),
)
async def complete_upload(
    upload_id: UUID, user_id: CurrentUser, resources: Shared, links: Signing
) -> Envelope[AssetView]:
    """Check a file that was put into the bucket, and make it an asset as every other file.

    Sent again, it gives the same asset.
    """
    kept = await parts.complete(shelf_of(resources), user_id, upload_id)
    return ok(view_of(kept.asset, resources.settings, links))
