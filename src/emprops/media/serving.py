"""One stored file as a reply: ranges, conditional requests, and never something a browser would run."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from emprops.errors import NotFoundError
from emprops.kit.storage import FileStat, Storage, is_key
from emprops.kit.web.envelope import failure, failures
from emprops.kit.web.methods import wants_headers_only
from emprops.media.conditions import decide, http_date, range_applies
from emprops.media.ranges import UnsatisfiableRangeError, wanted_range
from emprops.media.types import DOWNLOAD, served_type

HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PRIVATE = {"Cache-Control": "private, max-age=3600"}
"""Headers of what only its owner and those with a signed URL may see, in place of those."""
FILE = {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
REPLIES: dict[int | str, dict[str, Any]] = {
    200: FILE,
    206: {"description": "The part of the file that `Range` asked for."},
    304: {"description": "The file the client has is still the right one."},
    **failures(_412="The file is not the version that was asked for.", _416="The file has no such part."),
}
"""What :func:`send_file` answers, for OpenAPI."""


async def send_file(
    request: Request, storage: Storage, key: str, *, headers: Mapping[str, str] | None = None, name: str = ""
) -> Response:
    """Send a stored file, or one range of it, with these headers in addition. Conditional requests are answered as RFC
    9110 describes; ``Range`` counts for GET only. ``name``: what a download is called.

    Raises :class:`NotFoundError`.
    """
    try:
        stat = await storage.stat(key) if is_key(key) else None
    except (FileNotFoundError, ValueError):
        stat = None
    if stat is None:
        raise NotFoundError("There is no such file.")
    sent = _headers(key, stat, name) | dict(headers or {})
    asked = {field: ", ".join(request.headers.getlist(field)) for field in request.headers}
    decision = decide(asked, sent["ETag"], stat.modified)
    if decision == 304:
        return Response(status_code=304, headers=sent)
    if decision == 412:
        sentence = "The file is not the version that was asked for."
        return failure(412, "precondition_failed", sentence, scope=request.scope, headers={"ETag": sent["ETag"]})
    if wants_headers_only(request):
        return Response(status_code=200, headers=sent | {"Content-Length": str(stat.size)})
    try:
        wanted = asked.get("range") if range_applies(asked, sent["ETag"], stat.modified) else None
        part = wanted_range(wanted, stat.size)
    except UnsatisfiableRangeError:
        limits = {"Content-Range": f"bytes */{stat.size}"}
        return failure(416, "no_such_range", "The file has no such part.", scope=request.scope, headers=limits)
    start, stop = part or (0, stat.size)
    sent["Content-Length"] = str(stop - start)
    if part:
        sent["Content-Range"] = f"bytes {start}-{stop - 1}/{stat.size}"
    content = storage.stream(key, start, stop - start)
    return StreamingResponse(content, status_code=206 if part else 200, headers=sent)


def _headers(key: str, stat: FileStat, name: str) -> dict[str, str]:
    kind = served_type(key)
    headers = {**HEADERS, "ETag": f'"{stat.etag}"', "Content-Type": kind}
    if stat.modified is not None:
        headers["Last-Modified"] = http_date(stat.modified)
    called = f"; filename*=UTF-8''{quote(name, safe='')}" if name else ""
    if kind == DOWNLOAD or called:
        headers["Content-Disposition"] = f"{'attachment' if kind == DOWNLOAD else 'inline'}{called}"
    return headers
