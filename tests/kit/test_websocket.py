"""The end of a connection whose client does not read."""

import asyncio
import socket

import pytest
from starlette.types import Receive, Scope, Send
from tests.apps import served

from emprops.kit.web.server import SERVER_OPTIONS
from emprops.kit.web.websocket import SocketProtocol
from emprops.queue.keys import MACHINE_CHANNELS, PROGRESS_CHANNELS, name_in

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def test_what_nobody_reads_is_dropped_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emprops.kit.web.websocket.LINGER", 0.05)
    lost = asyncio.Event()

    class Watched(SocketProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Send more than all buffers hold, and be done."""
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "x" * 50_000_000})

    monkeypatch.setitem(SERVER_OPTIONS, "ws", Watched)
    async with served(app) as http:  # type: ignore[arg-type]
        assert http.base_url.port is not None
        with socket.create_connection(("127.0.0.1", http.base_url.port)) as client:
            client.sendall(HANDSHAKE)
            async with asyncio.timeout(5):
                await lost.wait()


async def test_a_refusal_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with a reply, in two pieces."""
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"you"})

    async with served(app) as http, asyncio.timeout(5):  # type: ignore[arg-type]
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        writer.write(HANDSHAKE)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"not you")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_ids_are_found_in_the_names_of_channels() -> None:
    assert name_in("machine:gpu:1:status", MACHINE_CHANNELS) == "gpu:1"
    assert name_in("job:progress:a", PROGRESS_CHANNELS) == "a"
    for channel in ("machine:status", "machine::status", "job:progress:", "worker:status:a"):
        assert name_in(channel, MACHINE_CHANNELS) is None
        assert name_in(channel, PROGRESS_CHANNELS) is None


async def test_pings_of_a_client_that_does_not_read_pile_up_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    protocols: list[SocketProtocol] = []

    class Watched(SocketProtocol):
        pings = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            protocols.append(self)

        def handle_ping(self) -> None:
            super().handle_ping()
            self.pings += 1

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Listen only."""
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    monkeypatch.setitem(SERVER_OPTIONS, "ws", Watched)
    ping = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
    async with served(app) as http, asyncio.timeout(30):  # type: ignore[arg-type]
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", http.base_url.port))
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, HANDSHAKE)
            assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 101 ")
            for _ in range(100):  # 13 MB: more than the system's buffers hold
                await loop.sock_sendall(client, ping * 1_000)
            [protocol] = protocols
            while protocol.pings < 100_000:  # type: ignore[attr-defined]  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            assert protocol.transport.get_write_buffer_size() < 500_000
            protocol.transport.abort()
