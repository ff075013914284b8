"""An HTTP API as media services offer them: answers as told, remembers what it was asked, and can misbehave."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.fakes.faults import Faulty

METHODS = ["GET", "POST", "PUT", "PATCH"]


@dataclass(frozen=True)
class Reply:
    """One answer. ``fault``: ``hang`` answers only once the server is released, ``cut`` breaks the body off."""

    status: int = 200
    body: Any = None
    """Bytes as they are; anything else as JSON."""
    mime_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class FakeApi(Faulty):
    """``replies`` by path: each given once, the last one from then on. ``base`` is set once it is served."""

    base: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)

    def on(self, path: str, *replies: Reply) -> str:
        """Answer a path so; gives its URL."""
        self.replies[path] = list(replies)
        return f"{self.base}{path}"

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.wrap(self.answer), methods=METHODS)])

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        # The path as it was sent: what was escaped in it must still be.
        path = request.scope["raw_path"].decode()
        body = orjson.loads(raw) if raw else None
        self.asked.append(Asked(request.method, path, request.url.query, dict(request.headers), body, raw))
        queue = self.replies.get(path)
        if not queue:
            return Response("not here", 404)
        reply = queue.pop(0) if len(queue) > 1 else queue[0]
        if reply.fault == "hang":
            self.waiting.set()
            await self.released.wait()
        if reply.fault == "cut":
            length = {"content-length": str(len(reply.content) + 100)}
            return StreamingResponse(_cut(reply.content), reply.status, reply.headers | length, reply.mime_type)
        return Response(reply.content, reply.status, reply.headers, reply.mime_type)


async def _cut(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise ConnectionResetError
