"""Stored files over HTTP, immutable: results are public, others open by signed URLs."""

from fastapi import Request
from starlette.responses import Response

from emprops.auth.dependencies import PublicRoute
from emprops.auth.file_links import FILE_LINKS
from emprops.errors import NotFoundError
from emprops.kit.web.endpoint import Shared, router
from emprops.media.serving import PRIVATE, REPLIES, send_file
from emprops.media.storage import is_private

routes = router(tags=["files"], dependencies=[PublicRoute])


@routes.get("/files/{key:path}", response_class=Response, responses=REPLIES)
async def get_file(key: str, request: Request, resources: Shared) -> Response:
    """Send a stored file, or one range of it; a private one by a signed URL only.

    Conditional requests are answered as RFC 9110 describes; ``Range`` counts for GET only.
    """
    if not is_private(key):
        return await send_file(request, resources.storage, key)
    if not FILE_LINKS.of(request).opens(key, request.query_params):
        raise NotFoundError("There is no such file.")
    return await send_file(request, resources.storage, key, headers=PRIVATE)
