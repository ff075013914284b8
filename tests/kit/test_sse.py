"""Streams over real connections: their form, their heartbeat, each way they end, and what they do not hold on to."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.apps import served
from tests.kit.streaming import Endless, Finite, app_of, lines_of, no_longer_open

from emprops.errors import UnavailableError
from emprops.kit.web.sse import Event
from emprops.kit.web.streams import StreamLimit

FIRST = ["id: 1", "event: first", 'data: {"n":1}', ""]
both = pytest.mark.usefixtures("server")


async def read_all(app: FastAPI) -> bytes:
    async with served(app) as client:
        return (await client.get("/stream")).content


@both
async def test_events_are_named_numbered_json_lines() -> None:
    source = Finite(
        Event("history_init", [{"message": "a\nb\r\nc"}]),
        Event("job_update", {"id": "é", "progress": 50.5, "none": None}, id="17"),
        Event("odd\nname", "text", id="1\n2"),
    )
    assert (await read_all(app_of(source))).decode() == (
        'event: history_init\ndata: [{"message":"a\\nb\\r\\nc"}]\n\n'
        'id: 17\nevent: job_update\ndata: {"id":"é","progress":50.5,"none":null}\n\n'
        'id: 12\nevent: oddname\ndata: "text"\n\n'
    )
    assert source.ended.is_set()


@both
async def test_headers_keep_proxies_from_holding_events_back() -> None:
    app = app_of(Finite(Event("a", 1)))
    async with served(app) as client:
        headers = (await client.get("/stream")).headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert (await client.head("/stream")).status_code == 200
    assert app.state.resources.streams.open == 0


@both
async def test_silence_is_filled_with_heartbeats() -> None:
    source = Endless()
    async with served(app_of(source, stream_heartbeat=0.02)) as client, client.stream("GET", "/stream") as response:
        lines = lines_of(response)
        seen = [await anext(lines) for _ in range(9)]
        assert seen[:4] == FIRST
        assert seen[4:8] == [":heartbeat", "", ":heartbeat", ""]


@both
async def test_a_client_that_leaves_ends_the_stream() -> None:
    source = Endless()
    limit = StreamLimit(10, 10)
    async with served(app_of(source, limit)) as client:
        async with client.stream("GET", "/stream") as response:
            assert await anext(lines_of(response)) == "id: 1"
            assert limit.open == 1
        await source.over()
        await no_longer_open(limit)
    assert not source.streams[0].ready
    source.streams[0].write(b"to nobody")


@both
async def test_a_life_ends_with_a_hint_to_come_back() -> None:
    source = Endless()
    with capture_logs() as logs:
        content = await read_all(app_of(source, stream_life=0.1))
    assert content.startswith(b'id: 1\nevent: first\ndata: {"n":1}\n\nretry: ')
    assert 1000 <= int(content.decode().rsplit("retry: ", 1)[1]) <= 3000
    assert source.ended.is_set()
    [line] = [line for line in logs if line["event"] == "stream closed"]
    assert (line["reason"], line["job_id"]) == ("it has lived long enough", "of the test")


@both
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


async def test_an_idle_stream_holds_nothing_of_its_request() -> None:
    source = Endless()
    app = app_of(source)
    async with served(app) as client, contextlib.AsyncExitStack() as stack:
        readers = []
        for _ in range(3):
            response = await stack.enter_async_context(client.stream("GET", "/stream"))
            readers.append(lines_of(response))
            assert await anext(readers[-1]) == "id: 1"
        (await client.get("/other")).raise_for_status()
        gc.collect()
        assert [request() for request in app.state.requests] == [None] * 3
        assert not any("run_asgi" in repr(task) for task in asyncio.all_tasks())
        for stream in source.streams:
            stream.write(Event("second", 2).encode())
        for lines in readers:
            assert [await anext(lines) for _ in range(5)][-2:] == ["event: second", "data: 2"]


async def test_a_server_that_stops_says_goodbye_to_its_streams() -> None:
    """A process of its own: what ends streams is the signal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kit.stopping_app",
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
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
