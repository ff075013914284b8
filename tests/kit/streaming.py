"""An app of one stream, what writes to it, and clients that read it, or do not."""

import asyncio
import socket
import weakref
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from emprops.kit.web.envelope import add_exception_handlers
from emprops.kit.web.sse import Event, event_stream
from emprops.kit.web.streams import Feed, Stream, StreamLimit, Streams, streams_from
from emprops.settings import Settings


def app_of(feed: Feed, limit: StreamLimit | None = None, **changes: Any) -> FastAPI:
    app = FastAPI()
    add_exception_handlers(app)
    streams = streams_from(Settings(**changes))
    app.state.resources = SimpleNamespace(streams=Streams(limit or streams.limit, streams.pace))
    app.state.requests = []

    @app.api_route("/stream", methods=["GET", "HEAD"])
    async def stream(request: Request, user: str = "") -> Response:
        app.state.requests.append(weakref.ref(request))
        return event_stream(request, feed, user=user)

    @app.get("/other")
    async def other() -> Response:
        return PlainTextResponse("another answer")

    return app


class Endless:
    """A feeder that writes one event, and then what a test has it write."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.resumed = asyncio.Event()
        self.ended = asyncio.Event()

    def __call__(self, stream: Stream) -> "Endless":
        self.streams.append(stream)
        stream.write(Event("first", {"n": 1}, id="1").encode())
        return self

    def resume(self) -> None:
        self.resumed.set()

    def gone(self) -> None:
        self.ended.set()

    def about(self) -> Mapping[str, str]:
        return {"job_id": "of the test"}

    async def over(self) -> None:
        async with asyncio.timeout(5):
            await self.ended.wait()


class Finite(Endless):
    """A feeder that writes some events and ends."""

    def __init__(self, *events: Event) -> None:
        super().__init__()
        self.events = events

    def __call__(self, stream: Stream) -> "Finite":
        for event in self.events:
            stream.write(event.encode())
        stream.end("that was all")
        return self


async def lines_of(response: httpx2.Response) -> AsyncIterator[str]:
    async for line in response.aiter_lines():
        yield line


def port_of(client: httpx2.AsyncClient) -> int:
    assert client.base_url.port is not None
    return client.base_url.port


class Deaf:
    """A connection with small buffers whose client reads when it is told to."""

    def __init__(self, port: int, request: bytes = b"") -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.socket.send(request or b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")

    async def read(self, up_to: bytes = b"\r\n0\r\n\r\n") -> bytes:
        """Read up to these bytes."""
        content = bytearray()
        async with asyncio.timeout(20):
            while content.find(up_to, max(0, len(content) - 300_000)) < 0:
                part = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
                if not part:
                    break
                content += part
        return bytes(content)


EVENT = Event("large", "x" * 10_000).encode()


async def fill(stream: Stream) -> int:
    """Write until there is no room; the number of events."""
    count = 0
    async with asyncio.timeout(10):
        while stream.ready:
            stream.write(EVENT)
            count += 1
            await asyncio.sleep(0)
    return count


async def no_longer_open(limit: StreamLimit) -> None:
    async with asyncio.timeout(5):
        while limit.open:  # noqa: ASYNC110 - nothing tells when a connection was forgotten
            await asyncio.sleep(0.01)
