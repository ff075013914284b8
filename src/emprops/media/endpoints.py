"""Stored files over HTTP: public, immutable, and never something a browser would run."""

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from emprops.auth.dependencies import PublicRoute
from emprops.errors import NotFoundError
from emprops.kit.storage import FileStat, Storage, is_key
from emprops.kit.web.endpoint import Shared, router
from emprops.kit.web.envelope import failure, failures
from emprops.kit.web.methods import wants_headers_only
from emprops.media.conditions import decide, http_date, range_applies
from emprops.media.ranges import UnsatisfiableRangeError, wanted_range
from emprops.media.types import DOWNLOAD, served_type

routes = router(tags=["files"], dependencies=[PublicRoute])

HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
FILE = {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}}


@routes.get(
    "/files/{key:path}",
    response_class=Response,
    responses={
        200: FILE,
        206: {"description": "The part of the file that `Range` asked for."},
        304: {"description": "The file the client has is still the right one."},
        **failures(_412="The file is not the version that was asked for.", _416="The file has no such part."),
    },
)
async def get_file(key: str, request: Request, resources: Shared) -> Response:
    """Send a stored file, or one range of it. Conditional requests are answered as RFC 9110 describes; ``Range`` counts
    for GET only."""
    try:
        stat = await resources.storage.stat(key) if is_key(key) else None
    except (FileNotFoundError, ValueError):
        stat = None
    if stat is None:
        raise NotFoundError("There is no such file.")
    headers = _headers(key, stat)
    asked = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
    decision = decide(asked, headers["ETag"], stat.modified)
    if decision == 304:
        return Response(status_code=304, headers=headers)
    if decision == 412:
        sentence = "The file is not the version that was asked for."
        return failure(412, "precondition_failed", sentence, scope=request.scope, headers={"ETag": headers["ETag"]})
    if wants_headers_only(request):
        return Response(status_code=200, headers=headers | {"Content-Length": str(stat.size)})
    try:
        wanted = asked.get("range") if range_applies(asked, headers["ETag"], stat.modified) else None
        part = wanted_range(wanted, stat.size)
    except UnsatisfiableRangeError:
        limits = {"Content-Range": f"bytes */{stat.size}"}
        return failure(416, "no_such_range", "The file has no such part.", scope=request.scope, headers=limits)
    start, stop = part or (0, stat.size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stat.size}"
    content = _content(resources.storage, key, start, stop)
    return StreamingResponse(content, status_code=206 if part else 200, headers=headers)


def _headers(key: str, stat: FileStat) -> dict[str, str]:
    kind = served_type(key)
    headers = {**HEADERS, "ETag": f'"{stat.etag}"', "Content-Type": kind}
    if stat.modified is not None:
        headers["Last-Modified"] = http_date(stat.modified)
    if kind == DOWNLOAD:
        headers["Content-Disposition"] = "attachment"
    return headers


async def _content(storage: Storage, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
    async for chunk in storage.stream(key, start, stop - start):
        yield chunk
