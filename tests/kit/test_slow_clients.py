"""Clients of streams that do not read, read late, or talk: what they cost is bounded, and they hold up nobody."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.apps import served
from tests.kit.streaming import EVENT, Deaf, Endless, app_of, fill, no_longer_open, port_of

from emprops.kit.web.sse import Event
from emprops.kit.web.streams import ENOUGH, StreamLimit


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """What waits for it meanwhile is bounded."""
    source, limit = Endless(), StreamLimit(10, 10)
    app = app_of(source, limit, stream_send_timeout=0.3, stream_heartbeat=0.01)
    with capture_logs() as logs:
        async with served(app) as client:
            deaf = Deaf(port_of(client))
            await deaf.read(b"event: first")
            [stream] = source.streams
            assert await fill(stream) < 2_000
            assert stream._transport.get_write_buffer_size() <= ENOUGH + len(EVENT) + 100
            await source.over()
            await no_longer_open(limit)
    deaf.socket.close()
    assert "the client does not read" in [line.get("reason") for line in logs]


async def test_a_server_that_takes_nothing_more_is_left() -> None:
    """Straight ASGI: a server that takes the head and the first event, and then nothing more."""
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
    assert app.state.resources.streams.open == 0


@pytest.mark.usefixtures("server")
async def test_a_client_that_reads_again_gets_the_rest() -> None:
    source = Endless()
    async with served(app_of(source)) as client:
        slow = Deaf(port_of(client))
        begun = await slow.read(b"event: first")
        [stream] = source.streams
        count = await fill(stream)
        reading = asyncio.create_task(slow.read())
        async with asyncio.timeout(10):
            await source.resumed.wait()
        assert stream.ready
        stream.write(Event("last", 1).encode())
        stream.end("that was all")
        content = begun + await reading
        assert content.count(b"event: large") == count
        assert content.count(b"event: last") == 1
        slow.socket.close()


async def test_an_end_does_not_wait_for_ever_for_a_client_that_does_not_read() -> None:
    source, limit = Endless(), StreamLimit(10, 10)
    async with served(app_of(source, limit, stream_send_timeout=0.2)) as client:
        deaf = Deaf(port_of(client))
        await deaf.read(b"event: first")
        [stream] = source.streams
        await fill(stream)
        stream.end("that was all")
        await no_longer_open(limit)
    deaf.socket.close()


async def test_what_a_client_says_meanwhile_is_thrown_away() -> None:
    source = Endless()
    async with served(app_of(source)) as client:
        talkative = Deaf(port_of(client))
        await talkative.read(b"event: first")
        talkative.socket.send(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        [stream] = source.streams
        stream.write(Event("second", 2).encode())
        stream.end("that was all")
        assert b"another answer" not in await talkative.read()
        talkative.socket.close()


async def test_a_stream_before_other_requests_is_whole() -> None:
    """Requests that were sent before the stream was answered keep it from being handed over."""
    source = Endless()
    both_requests = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(app_of(source, stream_life=0.2)) as client:
        eager = Deaf(port_of(client), both_requests)
        content = await eager.read()
        assert b"event: first" in content
        assert b"retry: " in content
        eager.socket.close()
