"""What can go wrong on the way from a service to a worker; every fake service of the connectors can do all of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

FAULTS = ("slow", "429", "500", "half", "drop", "gigantic", "wrong_type", "html", "html_200", "restart")
"""``half`` breaks a body off, ``drop`` sends headers only; ``html`` is a gateway's page with 502, or with 200.
``restart`` forgets all that was begun; where nothing is remembered anyway, the connection drops."""
ODD = ("odd_list", "odd_text", "odd_null", "odd_object", "odd_words")
"""Answers of another shape than the service is known for, and ``odd_words``: a refusal with broken characters."""
LARGE = 64 * 1024 * 1024
"""Bytes that the mode ``large``, which is no fault, adds to an answer."""
RETRY_AFTER = 7
WORDS = rb"""{"error": {"message": "no\ud800\u0000", "code": "\u0000", "type": "\udfff"}, "message": "no\ud800",
 "errors": ["no\ud800\u0000"], "detail": "no\u0000", "name": "\u0000", "node_errors": {"\ud800": {"errors": 7}}}"""
PAGE = b"<!doctype html><html><body><h1>Something went wrong</h1></body></html>"
INSTEAD = {
    "slow": (503, "application/json", b"{}"),
    "429": (429, "application/json", b'{"error": {}}'),
    "500": (500, "application/json", b'{"error": {}}'),
    "html": (502, "text/html", PAGE),
    "html_200": (200, "text/html", PAGE),
    "wrong_type": (200, "text/csv", b"name,colour\nfox,red\n"),
    "odd_list": (200, "application/json", b'[{"id": "x"}]'),
    "odd_text": (200, "application/json", b'"x"'),
    "odd_null": (200, "application/json", b"null"),
    "odd_object": (200, "application/json", b'{"data": "x", "id": [], "status": {}, "error": 7, "prompt_id": null}'),
    "odd_words": (400, "application/json", WORDS),
}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Faulty:
    """Wraps the routes of a fake service: ``fault`` hits requests whose path contains ``at``."""

    fault: str = ""
    at: str = ""
    retry_after: int = RETRY_AFTER
    """Seconds that ``429`` asks to wait."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request hangs."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Lets it go on."""

    def heal(self) -> None:
        """End the fault, and whatever hangs in it."""
        self.released.set()
        self.fault, self.at = "", ""
        self.waiting, self.released = asyncio.Event(), asyncio.Event()

    def reset(self) -> None:
        """Be as new, at the same address; for the next test."""
        self.released.set()
        for own in fields(self):
            if own.name != "base":
                made = own.default if own.default_factory is MISSING else own.default_factory()
                setattr(self, own.name, made)

    async def restart(self) -> bool:
        """Forget what is only in memory; False if that is nothing."""
        return False

    def wrap(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if not self.fault or self.at not in request.url.path:
                return await handler(request)
            return await self._broken(self.fault, request, handler)

        return handle

    async def _broken(self, fault: str, request: Request, handler: Handler) -> Response:
        if fault == "slow":
            self.waiting.set()
            await self.released.wait()
        if fault in INSTEAD:
            status, mime_type, body = INSTEAD[fault]
            headers = {"retry-after": str(self.retry_after)} if status == 429 else {}
            return Response(body, status, headers, mime_type)
        if fault == "restart" and await self.restart():
            self.fault = ""  # once is enough
            return await handler(request)
        answer = await handler(request)
        headers = {"content-type": answer.headers["content-type"]}
        if fault == "gigantic":
            return StreamingResponse(_endless(await _body(answer)), 200, headers)
        body = await _body(answer)
        if fault == "large":
            return StreamingResponse(_long(body), 200, headers)
        headers["content-length"] = str(len(body))
        return StreamingResponse(_cut(body[: len(body) // 2] if fault == "half" else b""), 200, headers)


async def read_form(request: Request) -> dict[str, list[Any]]:
    """Read a multipart body: values by name; files as ``(name, type, content)``."""
    read: dict[str, list[Any]] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            file = isinstance(value, UploadFile)
            read.setdefault(name, []).append(
                (value.filename, value.content_type, await value.read()) if file else value
            )
    return read


async def _body(answer: Response) -> bytes:
    if isinstance(answer, StreamingResponse):
        chunks = [chunk if isinstance(chunk, bytes) else str(chunk).encode() async for chunk in answer.body_iterator]
        return b"".join(chunks)
    return bytes(answer.body)


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    yield body
    raise ConnectionResetError


async def _long(body: bytes) -> AsyncIterator[bytes]:
    yield body
    chunk = bytes(256 * 1024)
    for _ in range(LARGE // len(chunk)):
        yield chunk


async def _endless(body: bytes) -> AsyncIterator[bytes]:
    # What comes first is proper; an event stream goes on with comments, all else with blanks.
    yield body.partition(b"data: [DONE]")[0]
    while True:
        yield b": \n" * 100_000 if body.startswith(b"data:") else b" " * 300_000
        await asyncio.sleep(0)  # else nothing else would run once nobody reads any more
