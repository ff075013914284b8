"""Both ways to the queue, as tests use them: a worker, its heartbeat, and a connection that loses answers."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from tests.engines import Engines
from tests.queue.helpers import ANYTHING, PREFIX, Worker
from tests.queue.proxy import Proxy

from emprops.auth import store
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.queue.fleet import FleetMember
from emprops.queue.matching import WorkerOffers
from emprops.queue.messages import Claim
from emprops.queue.transport import Heartbeat, Membership
from emprops.queue.worker_link import RedisHeartbeat, WorkerLink
from emprops.worker.remote.heartbeat import RemoteHeartbeat
from emprops.worker.remote.link import RemoteLink
from emprops.worker.remote.server import Server
from emprops.worker.remote.storage import RemoteStorage


@dataclass
class Side:
    """A worker on one way to the queue."""

    worker: Worker
    heartbeat: Heartbeat
    member: Membership
    worker_id: str
    """What it is called in the fleet."""
    proxy: Proxy | None = None
    cuts: int = 1
    """Lost answers after which a call fails."""
    closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def link(self) -> Any:
        return self.worker.link

    def lose_answers(self) -> None:
        """Let the next call to claim or report be carried out and fail."""
        assert self.proxy is not None
        self.proxy.cuts = self.cuts

    async def beat(self, *beats: Any) -> set[str]:
        return await asyncio.to_thread(self.heartbeat.beat, beats)

    async def close(self) -> None:
        await self.closing.aclose()


async def redis_side(engines: Engines, client: Any, name: str, offers: WorkerOffers, *, cut: bool) -> Side:
    closing = contextlib.AsyncExitStack()
    proxy = None
    if cut:
        proxy = await closing.enter_async_context(
            Proxy(engines.redis_socket, engines.folder / f"{name}.sock").serving()
        )
        client = connect(proxy.url)
        closing.push_async_callback(client.aclose)
    blocking = redis.Redis(unix_socket_path=engines.redis_socket)
    closing.callback(blocking.close)
    link = WorkerLink(client, prefix=PREFIX, worker_id=name)
    heartbeat = RedisHeartbeat(blocking, prefix=PREFIX, worker_id=name, machine_id="machine", lease=60.0)
    worker = Worker(client, name, offers, link=link)
    return Side(worker, heartbeat, FleetMember(blocking, PREFIX), name, proxy, cuts=2, closing=closing)


async def http_side(
    client: Any, url: str, key: str, name: str = "worker-1", offers: WorkerOffers = ANYTHING, *, cut: bool = False
) -> Side:
    closing = contextlib.AsyncExitStack()
    proxy = None
    if cut:
        proxy = await closing.enter_async_context(HttpProxy(url).serving())
        url = proxy.url
    server = Server(url, key, name)
    link, heartbeat = RemoteLink(server), RemoteHeartbeat(server, machine="machine", patience=5.0)
    closing.push_async_callback(link.close)
    closing.callback(heartbeat.close)
    worker = Worker(client, name, offers, link=link)
    return Side(worker, heartbeat, heartbeat, f"{public(key)}.{name}", proxy, closing=closing)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server does by itself and tells nobody."""
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that within five seconds")


def public(key: str) -> str:
    """The public part of a key."""
    return key.split("_")[1]


async def add_key(database: Database, *scopes: str) -> str:
    key = make_key()
    async with database.transaction() as tx:
        await store.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="worker", scopes=list(scopes), owner=None, life=None
        )
    return key.text


@contextlib.asynccontextmanager
async def storage_of(
    url: str, key: str, claims: Callable[[], list[Claim]], name: str = "worker-1"
) -> AsyncIterator[RemoteStorage]:
    storage = RemoteStorage(Server(url, key, name), claims)
    try:
        yield storage
    finally:
        await storage.close()


class HttpProxy(Proxy):
    """The same for a server of HTTP/1.1, on loopback: loses answers to ``turn``."""

    def __init__(self, target: str) -> None:
        super().__init__(target, Path("/nonexistent"))
        self.spared = 0
        """Answers to let through before the first is lost."""

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.target)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return head + (await reader.readexactly(int(length[1])) if length else b"")

    def _may_be_cut(self, request: bytes, reply: bytes) -> bool:
        answers = reply != b"" and b"/worker/turn" in request.partition(b"\r\n")[0]
        if answers and self.spared:
            self.spared -= 1
            return False
        return answers
