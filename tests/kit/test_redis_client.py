"""What the client promises beyond redis-py: it can be stopped, it does not repeat, its replies are its own."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
import uvloop
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from tests.engines import Engines

from emprops.kit.redis import connect


async def test_a_cancellation_is_never_forgotten(engines: Engines) -> None:
    """Cancels at every turn of the loop from before the connection to after the reply, however many that are."""
    in_time = True
    for turns in count():
        async with connect(engines.redis_url) as client:
            task = asyncio.create_task(client.ping())
            for _ in range(turns):
                await asyncio.sleep(0)
            in_time = task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() == in_time, turns
            assert await client.ping()
        if not in_time:
            break
    assert turns > 1


async def test_a_cancelled_command_leaves_no_reply_behind(engines: Engines) -> None:
    """The next command on the connection must not get the cancelled one's answer."""
    async with connect(engines.redis_url, max_connections=2) as client:
        for number in range(20):
            await client.set(f"key:{number}", number)
        for turns in range(60):
            task = asyncio.create_task(client.get("key:0"))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            task.cancel()
            number = turns % 19 + 1
            assert await client.get(f"key:{number}") == str(number).encode()
            await asyncio.wait({task})


async def test_replies_that_nobody_read_reach_nobody_else(engines: Engines) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError

    async with connect(engines.redis_url, max_connections=1) as client:
        for number in range(4):
            await client.set(f"key:{number}", number)
        usual = client.response_callbacks
        client.response_callbacks = usual | {"GET": refuse}
        with pytest.raises(ValueError):
            await client.pipeline(transaction=False).get("key:1").get("key:2").get("key:3").execute()
        client.response_callbacks = usual
        assert await client.get("key:0") == b"0"


async def test_nothing_is_tried_twice(engines: Engines) -> None:
    received = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while data := await reader.read(1000):
            if b"INCR" in data:
                received += 1
                break
            writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        with pytest.raises(redis_errors.ConnectionError):
            await client.incr("count")
    assert received == 1


async def test_a_server_that_stops_answering_is_given_up() -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", socket_timeout=0.1) as client:
        with pytest.raises(redis_errors.TimeoutError):
            await client.ping()
    assert connections == 1, "it is given up after one socket_timeout, not tried again"


async def test_it_works_again_after_a_restart(engines: Engines) -> None:
    async with connect(engines.redis_url) as client:
        assert await client.ping()
        engines.kill_redis()
        with pytest.raises(redis_errors.ConnectionError):
            await client.ping()
        engines.restart_redis()
        assert await client.ping()


Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


class Pongs:
    """A server that answers PING, and can break its newest connection off."""

    def __init__(self) -> None:
        self.connections: list[asyncio.StreamWriter] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        while data := await reader.read(1000):
            writer.write(b"+PONG\r\n" * data.count(b"*"))
        writer.close()

    def break_off(self, *, reset: bool) -> None:
        if reset:
            newest: socket.socket = self.connections[-1].get_extra_info("socket")
            newest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connections[-1].transport.abort()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Redis]:
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        async with server, connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
            assert await client.ping()
            yield client


@LOOPS
@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_broke_while_nobody_used_it_is_replaced(new_loop: Loop, reset: bool) -> None:
    async def main() -> None:
        pongs = Pongs()
        async with pongs.client() as client:
            [connection] = client.connection_pool._available_connections
            pongs.break_off(reset=reset)
            while connection.is_ready:  # noqa: ASYNC110 -- redis-py tells nobody
                await asyncio.sleep(0)
            assert await client.ping()
            assert len(pongs.connections) == 2

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


@LOOPS
def test_a_connection_that_breaks_before_a_command_is_written_is_a_connection_error(new_loop: Loop) -> None:
    async def main() -> None:
        async with Pongs().client() as client:
            [connection] = client.connection_pool._available_connections
            connection._writer.transport.abort()  # the streams hear of it in the next turn of the loop
            with pytest.raises(redis_errors.ConnectionError):
                await client.ping()
            assert await client.ping()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
