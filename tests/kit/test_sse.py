"""Streams over real connections: their form, their heartbeat, and each way they end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs
from tests.apps import served

from emprops.errors import UnavailableError
from emprops.kit.pubsub import Poke
from emprops.kit.web.envelope import add_exception_handlers
from emprops.kit.web.sse import Event, StreamLimit, event_stream
from emprops.settings import Settings

Source = Callable[[], AsyncIterator[Event]]


def app_of(source: Source, limit: StreamLimit | None = None, **changes: Any) -> FastAPI:
    app = FastAPI()
    add_exception_handlers(app)
    app.state.resources = SimpleNamespace(streams=limit or StreamLimit(10, 10))

    @app.api_route("/stream", methods=["GET", "HEAD"])
    async def stream(request: Request, user: str = "") -> Response:
        return event_stream(request, source(), Settings(**changes), user=user)

    return app


class Endless:
    """A source that gives one event, waits, and says when it is over."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.more = Poke()

    async def __call__(self) -> AsyncIterator[Event]:
        try:
            yield Event("first", {"n": 1}, id="1")
            while await self.more.wait():
                yield Event("next", [])
        finally:
            await asyncio.sleep(0)  # whatever cleans up may have to wait
            self.ended.set()


async def lines_of(response: httpx2.Response) -> AsyncIterator[str]:
    async for line in response.aiter_lines():
        yield line


async def read_all(app: FastAPI) -> bytes:
    async with served(app) as client:
        return (await client.get("/stream")).content


async def test_events_are_named_numbered_json_lines() -> None:
    async def source() -> AsyncIterator[Event]:
        yield Event("history_init", [{"message": "a\nb\r\nc"}])
        yield Event("job_update", {"id": "é", "progress": 50.5, "none": None}, id="17")
        yield Event("odd\nname", "text", id="1\n2")

    assert (await read_all(app_of(source))).decode() == (
        'event: history_init\ndata: [{"message":"a\\nb\\r\\nc"}]\n\n'
        'id: 17\nevent: job_update\ndata: {"id":"é","progress":50.5,"none":null}\n\n'
        'id: 12\nevent: oddname\ndata: "text"\n\n'
    )


async def test_headers_keep_proxies_from_holding_events_back() -> None:
    async def source() -> AsyncIterator[Event]:
        yield Event("a", 1)

    async with served(app_of(source)) as client:
        headers = (await client.get("/stream")).headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert (await client.head("/stream")).status_code == 200


async def test_silence_is_filled_with_heartbeats() -> None:
    source = Endless()
    async with served(app_of(source, stream_heartbeat=0.02)) as client, client.stream("GET", "/stream") as response:
        lines = lines_of(response)
        seen = [await anext(lines) for _ in range(9)]
        assert seen[:4] == ["id: 1", "event: first", 'data: {"n":1}', ""]
        assert seen[4:8] == [":heartbeat", "", ":heartbeat", ""]


async def test_a_client_that_leaves_ends_the_source() -> None:
    source = Endless()
    limit = StreamLimit(10, 10)
    async with served(app_of(source, limit)) as client:
        async with client.stream("GET", "/stream") as response:
            assert await anext(lines_of(response)) == "id: 1"
            assert limit.open == 1
        async with asyncio.timeout(5):
            await source.ended.wait()
    assert limit.open == 0


async def test_a_life_ends_with_a_hint_to_come_back() -> None:
    source = Endless()
    content = await read_all(app_of(source, stream_life=0.1))
    assert content.startswith(b'id: 1\nevent: first\ndata: {"n":1}\n\nretry: ')
    assert 1000 <= int(content.decode().rsplit("retry: ", 1)[1]) <= 3000
    assert source.ended.is_set()


async def test_a_source_that_fails_ends_with_a_hint_to_come_back() -> None:
    async def source() -> AsyncIterator[Event]:
        yield Event("a", 1)
        raise RuntimeError("database away")

    with capture_logs() as logs:
        content = await read_all(app_of(source))
    assert content.startswith(b"event: a\ndata: 1\n\nretry: ")
    assert b"database" not in content
    assert "stream failed" in [line["event"] for line in logs]


async def test_too_many_streams_are_turned_away() -> None:
    source = Endless()
    app = app_of(source, StreamLimit(total=2, per_user=1))
    reading: list[AsyncIterator[str]] = []  # a dropped reader would hang up
    async with served(app) as client, contextlib.AsyncExitStack() as stack:

        async def open_stream(user: str) -> int:
            response = await stack.enter_async_context(client.stream("GET", f"/stream?user={user}"))
            if response.status_code == 200:
                reading.append(lines_of(response))
                assert await anext(reading[-1]) == "id: 1"
            else:
                assert response.headers["retry-after"]
                assert (await response.aread()).startswith(b'{"data":null,"error":"')
            return response.status_code

        assert await open_stream("anna") == 200
        assert await open_stream("anna") == 503
        assert await open_stream("") == 200
        assert await open_stream("bert") == 503


def test_the_count_of_streams_goes_back_to_nothing() -> None:
    limit = StreamLimit(total=3, per_user=2)
    with limit.one("a"), limit.one("a"), pytest.raises(UnavailableError), limit.one("a"):
        pass
    with limit.one(""), limit.one(""), limit.one(""), pytest.raises(UnavailableError), limit.one(""):
        pass
    assert limit.open == 0
    assert limit._open == {}


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """Straight ASGI: a connection that takes the head and then nothing more."""
    source = Endless()
    app = app_of(source, stream_send_timeout=0.05)
    started = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            started.set()
            await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": "/stream", "query_string": b"", "headers": []}
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    assert started.is_set()
    assert source.ended.is_set()


async def test_a_server_that_stops_says_goodbye_to_its_streams() -> None:
    """A process of its own: what ends streams is the signal."""
    arguments = ["-m", "uvicorn", "tests.kit.stopping_app:app", "--port", "0", "--log-level", "info"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            address = b""
            while b"running on " not in address:
                address = await process.stderr.readline()
            base = address.decode().split("running on ")[1].split(" ")[0]
            async with (
                httpx2.AsyncClient(base_url=base, timeout=20) as client,
                client.stream("GET", "/stream") as response,
            ):
                lines = lines_of(response)
                assert await anext(lines) == "event: first"
                process.send_signal(signal.SIGTERM)
                rest = [line async for line in lines]
            assert rest[-2].startswith("retry: ")
        async with asyncio.timeout(8):
            await process.communicate()
        assert process.returncode in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
