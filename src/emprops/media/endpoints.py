"""Stored files over HTTP, immutable: results are public unless ``EMPROPS_RESULT_LINKS`` says else; the files that users
bring open by signed URLs only."""

from typing import Final

from fastapi import Request
from starlette.responses import Response

from emprops.auth import foreign
from emprops.auth.dependencies import PublicRoute, optional_caller
from emprops.auth.file_links import FILE_LINKS
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Resources, Shared, router
from emprops.media.access_queries import access_to
from emprops.media.result_links import RESULT_LINKS
from emprops.media.serving import PRIVATE, REPLIES, send_file
from emprops.media.storage import is_private

PUBLISHED: Final = {"Cache-Control": "public, max-age=60"}
"""Of what may not be published any more a minute later."""
CLOSED: Final = (
    "No file opens by this URL: there is none, or the URL has no signature, or one that has ended or was changed."
)
routes = router(tags=["files"], dependencies=[PublicRoute])


@routes.get("/files/{key:path}", response_class=Response, responses=REPLIES)
async def get_file(key: str, request: Request, resources: Shared) -> Response:
    """Send a stored file, or one range of it; a private one by a signed URL only, a guarded result also while it is
    published, to its owner and to services.

    Conditional requests are answered as RFC 9110 describes; ``Range`` counts for GET only.
    """
    if not is_private(key):
        headers = await _result_headers(request, resources, key) if RESULT_LINKS.of(request).guards(key) else None
        return await send_file(request, resources.storage, key, headers=headers)
    if not FILE_LINKS.of(request).opens(key, request.query_params):
        raise NotFoundError("There is no such file.")
    return await send_file(request, resources.storage, key, headers=PRIVATE)


async def _result_headers(request: Request, resources: Resources, key: str) -> dict[str, str]:
    """Return the header that says how long a guarded result may be kept.

    Raises :class:`NotFoundError` for those who may not have it.
    """
    left = RESULT_LINKS.of(request).seconds_left(key, request.query_params)
    if left:
        return {"Cache-Control": f"private, max-age={left}, immutable"}
    caller = await optional_caller(request)
    async with resources.database.reader() as reader:
        access = (await access_to(reader, [key], caller.user_id if caller else None)).get(key)
        if access is not None and access.published:
            return PUBLISHED
        if caller is None or not (caller.is_service or (access is not None and access.owned)):
            raise NotFoundError(CLOSED)
        await foreign.note_service(reader, caller, None if access is None else access.owner)
    return {"Cache-Control": "private, no-cache"}
