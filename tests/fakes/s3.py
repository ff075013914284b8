"""A server that speaks as much of S3 as the storage uses: objects by path, ranges, uploads in parts."""

import hashlib
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Object:
    content: bytes
    content_type: str
    disposition: str | None

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "ETag": f'"{hashlib.md5(self.content).hexdigest()}"',
            "Last-Modified": "Sun, 22 Nov 2026 05:00:00 GMT",
            "Content-Type": self.content_type,
        }
        return headers | ({"Content-Disposition": self.disposition} if self.disposition else {})


@dataclass
class FakeS3:
    """The objects by ``bucket/key``, and what was asked. ``fail`` is a status to answer everything with; methods that
    are ``refused`` are answered 403."""

    objects: dict[str, Object] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    fail: int | None = None
    refused: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])

    async def answer(self, request: Request) -> Response:  # noqa: PLR0911 - one per kind of request
        path: str = request.path_params["path"]
        self.requests.append((request.method, path))
        if request.method in self.refused:
            return error(403, "AccessDenied")
        signed = "AWS4-HMAC-SHA256" in request.headers.get("authorization", "") or (
            request.query_params.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256"
            and "X-Amz-Signature" in request.query_params
        )
        if self.fail is not None or not signed:
            return error(self.fail or 403, "AccessDenied")
        body = await request.body()
        query = request.query_params
        match request.method:
            case "POST" if "uploads" in query:
                self.uploads[path] = {}
                return xml("InitiateMultipartUploadResult", "UploadId", path)
            case "PUT" if "partNumber" in query:
                self.uploads[path][int(query["partNumber"])] = body
                return Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
            case "POST" if "uploadId" in query:
                parts = self.uploads.pop(path)
                self.keep(path, b"".join(parts[number] for number in sorted(parts)), request)
                return xml("CompleteMultipartUploadResult", "ETag", self.objects[path].headers["ETag"])
            case "PUT":
                self.keep(path, body, request)
                return Response(headers={"ETag": self.objects[path].headers["ETag"]})
            case "DELETE":
                self.objects.pop(path, None)
                return Response(status_code=204)
            case "GET" | "HEAD":
                return self.read(path, request)
        return error(501, "NotImplemented")

    def keep(self, path: str, content: bytes, request: Request) -> None:
        known = self.objects.get(path)
        kind = request.headers.get("content-type") or (known.content_type if known else "")
        self.objects[path] = Object(content, kind, request.headers.get("content-disposition"))

    def read(self, path: str, request: Request) -> Response:
        found = self.objects.get(path)
        if found is None:
            return error(404, "NoSuchKey")
        content, status, headers = found.content, 200, found.headers
        if "range" in request.headers:
            first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1
            headers["Content-Range"] = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
            content, status = content[start:stop], 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers | {"Content-Length": str(len(content))})
        return Response(content, status, headers)


def xml(kind: str, name: str, value: str) -> Response:
    return Response(f"<{kind}><{name}>{value}</{name}></{kind}>", media_type="application/xml")


def error(status: int, code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status, media_type="application/xml")
