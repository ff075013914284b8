"""Stored files over HTTP: public, immutable, and never something a browser would run."""

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from emprops.auth.dependencies import PublicRoute
from emprops.errors import NotFoundError
from emprops.kit.envelope import failure, failures
from emprops.kit.methods import wants_headers_only
from emprops.kit.requests import Shared, router
from emprops.kit.storage import Storage, is_key
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
        **failures(_416="The file has no such part."),
    },
)
async def get_file(key: str, request: Request, resources: Shared) -> Response:
    """Send a stored file, or one range of it."""
    try:
        stat = await resources.storage.stat(key) if is_key(key) else None
    except (FileNotFoundError, ValueError):
        stat = None
    if stat is None:
        raise NotFoundError("There is no such file.")
    etag = f'"{stat.etag}"'
    kind = served_type(key)
    headers = {**HEADERS, "ETag": etag, "Content-Type": kind}
    if kind == DOWNLOAD:
        headers["Content-Disposition"] = "attachment"
    if _has(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if_range = request.headers.get("if-range")
    asked = request.headers.get("range") if if_range in (None, etag) else None
    try:
        part = wanted_range(asked, stat.size)
    except UnsatisfiableRangeError:
        limits = {"Content-Range": f"bytes */{stat.size}"}
        return failure(416, "no_such_range", "The file has no such part.", scope=request.scope, headers=limits)
    start, stop = part or (0, stat.size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stat.size}"
    status = 206 if part else 200
    if wants_headers_only(request):
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_content(resources.storage, key, start, stop), status_code=status, headers=headers)


def _has(header: str, etag: str) -> bool:
    """Tell whether ``If-None-Match`` names the version; weak names count (RFC 9110 §13.1.2)."""
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return etag in named or "*" in named


async def _content(storage: Storage, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
    async for chunk in storage.stream(key, start, stop - start):
        yield chunk
