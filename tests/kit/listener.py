"""Listeners on loopback, and a guarded client whose names are known."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from emprops.kit.outbound.client import GuardedClient
from emprops.settings import Settings

Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A listener on loopback that keeps every byte it is sent."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listener(reply: Reply, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    seen = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.heads.append(head)
            await reply(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen


def leftovers(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def answer(body: bytes, status: str = "200 OK", **headers: str) -> Reply:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    raw = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n".encode() + body

    async def reply(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return reply


@asynccontextmanager
async def client(allow: str = "", names: dict[str, list[str]] | None = None) -> AsyncIterator[GuardedClient]:
    """A client whose resolver knows these names only; each list is given once, its last entry for ever after."""
    answers = {name: [entry.split() for entry in entries] for name, entries in (names or {}).items()}

    async def resolver(host: str, _port: int) -> list[str]:
        if host not in answers:
            if host.replace(".", "").isdigit() or ":" in host:
                return [host]
            raise OSError("unknown name")
        return answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]

    guarded = GuardedClient(Settings(outbound_allow=allow), resolver=resolver)
    try:
        yield guarded
    finally:
        await guarded.close()
