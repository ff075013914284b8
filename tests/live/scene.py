"""The api served on loopback, a job's life under the test's control, and WebSocket clients of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import redis
import redis.asyncio
from tests.apps import api, as_user, send_by, served
from tests.orchestrator.rig import Rig
from tests.queue.helpers import PREFIX, Worker
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from emprops.auth import store as auth
from emprops.auth.caller import SERVICE
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.live.hub import Live
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Claim
from emprops.queue.worker_link import Beat, RedisHeartbeat
from emprops.settings import Settings

PATIENCE = 10.0
"""Seconds after which a test is stuck, not slow."""
Message = dict[str, Any]


@dataclass
class Socket:
    """A WebSocket client that reads one message at a time."""

    connection: ClientConnection
    log: list[Message]

    async def next(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            message: Message = orjson.loads(await self.connection.recv())
        assert isinstance(message["timestamp"], int)
        self.log.append(message)
        return message

    async def until(self, kind: str, **fields: Any) -> Message:
        """Read up to a message of this type with these values."""
        while True:
            message = await self.next()
            if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
                return message

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(orjson.dumps({"type": kind, **fields}, default=str).decode())

    async def ask(self, kind: str, answer: str, **fields: Any) -> Message:
        """Send a message and read up to its answer."""
        await self.send(kind, id="q", **fields)
        return await self.until(answer, reply_to="q")

    async def subscribe(self, job_id: UUID) -> Message:
        return await self.ask("subscribe_job", "job_subscribed", job_id=job_id)

    async def closed(self) -> tuple[int | None, str | None]:
        """Read up to the end; gives its code and reason."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code, self.connection.close_reason

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.log]


@dataclass
class Scene(Rig):
    """A rig whose api is served, too."""

    base: str = ""

    @property
    def live(self) -> Live:
        live: Live = self.app.state.live
        return live

    async def progress(self, claim: Claim, percent: float, message: str = "") -> None:
        """Have the worker report progress, and the orchestrator record it."""
        with redis.Redis(unix_socket_path=self.settings.redis_url.removeprefix("unix://")) as client:
            heartbeat = RedisHeartbeat(
                client, prefix=PREFIX, worker_id=self.worker.name, machine_id="machine", lease=60
            )
            assert heartbeat.beat([Beat(claim, percent, message)]) == set()
        await self.settle()

    async def connections(self, count: int) -> None:
        """Wait until the api has as many connections."""
        async with asyncio.timeout(PATIENCE):
            while self.live.limit.open != count:  # noqa: ASYNC110 - nothing tells when a connection was forgotten
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def socket(self, path: str, headers: Any, **options: Any) -> AsyncIterator[Socket]:
        """Open a WebSocket; raises the client's ``InvalidStatus`` if it is refused."""
        url = f"{self.base}{path}"
        async with connect(url, additional_headers=headers, proxy=None, **options) as connection:
            yield Socket(connection, [])

    @asynccontextmanager
    async def page(self, user_id: UUID | None = None) -> AsyncIterator[Socket]:
        """A client of a user that has had its snapshot."""
        async with self.socket("/ws/client/page", as_user(user_id or self.user_id)) as socket:
            await socket.until("full_state_snapshot")
            yield socket

    @asynccontextmanager
    async def monitor(self) -> AsyncIterator[Socket]:
        """A monitor that has had its snapshot."""
        async with self.socket("/ws/monitor/desk", self.service) as socket:
            await socket.until("full_state_snapshot")
            yield socket


@asynccontextmanager
async def scene_of(
    settings: Settings, database: Database, client: redis.asyncio.Redis, folder: Path
) -> AsyncIterator[Scene]:
    """Serve an api in which nothing moves on its own."""
    key = make_key()
    async with database.transaction() as tx:
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[SERVICE], owner=None, life=None
        )
    dispatcher = Dispatcher(database, Queue(client, prefix=settings.queue_prefix), settings)
    orchestrator = Orchestrator(
        database=database, redis=client, dispatcher=dispatcher, settings=settings, consumer="test"
    )
    await orchestrator.stream.ensure_group()
    async with api(settings, database, client, folder) as app:
        send_by(app, dispatcher)
        async with served(app) as http:
            yield Scene(
                settings=settings,
                database=database,
                redis=client,
                client=http,  # type: ignore[arg-type]
                dispatcher=dispatcher,
                orchestrator=orchestrator,
                worker=Worker(client),
                service={"X-API-Key": key.text},
                base=str(http.base_url).replace("http", "ws"),
                app=app,
            )
        await app.state.authenticator.close()
