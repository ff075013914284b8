"""A receiver of our own, the api, and a deliverer that looks when asked to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from standardwebhooks.webhooks import Webhook
from tests.apps import api, as_user, client_of, served
from tests.factories import make_webhook_event
from tests.fakes.http_api import Asked, FakeApi, Reply

from emprops.auth import store as auth
from emprops.auth.caller import SERVICE
from emprops.auth.file_links import FileLinks
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.outbound.guard import Resolver, resolve
from emprops.media.result_links import ResultLinks
from emprops.settings import Settings
from emprops.webhooks.deliver import SLOTS, Deliverer
from emprops.webhooks.secrets import SecretBox

TAKEN = Reply(204, b"", "text/plain")
DOWN = Reply(500, b"broken", "text/plain")


@dataclass
class Hooks:
    """What a test does with webhooks, as one user."""

    settings: Settings
    database: Database
    client: httpx2.AsyncClient
    receiver: FakeApi
    service: dict[str, str]
    user_id: UUID = field(default_factory=new_id)
    deliverer: Deliverer = field(init=False)
    clients: list[GuardedClient] = field(default_factory=list)

    def another_deliverer(self, *, resolver: Resolver = resolve, slots: int = SLOTS) -> Deliverer:
        """A deliverer as another process has it."""
        self.clients.append(GuardedClient(self.settings, resolver=resolver))
        links = ResultLinks(self.settings, FileLinks(self.settings))
        return Deliverer(self.database, SecretBox(self.settings), self.clients[-1], links, slots=slots)

    async def make(self, path: str = "/hook", *replies: Reply, who: dict[str, str] | None = None, **body: Any) -> Any:
        """Make an endpoint at a path of the receiver, which answers so (204 unless told); gives it with its secret."""
        url = self.receiver.on(path, *(replies or (TAKEN,)))
        return await self.ok("POST", "", {"url": url, **body}, who=who, status=201)

    async def call(
        self, method: str, path: str, body: Any = None, *, who: dict[str, str] | None = None
    ) -> httpx2.Response:
        return await self.client.request(
            method, f"/api/webhooks{path}", json=body, headers=who or as_user(self.user_id)
        )

    async def ok(
        self, method: str, path: str, body: Any = None, *, who: dict[str, str] | None = None, status: int = 200
    ) -> Any:
        response = await self.call(method, path, body, who=who)
        assert response.status_code == status, response.text
        return response.json()["data"]

    async def refused(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> str:
        response = await self.call(method, path, body, **options)
        assert response.status_code == status, response.text
        return str(response.json()["error"])

    async def event(self, *endpoints: Any) -> UUID:
        """An event that waits for these endpoints."""
        async with self.database.transaction() as tx:
            return await make_webhook_event(tx, *(UUID(endpoint["id"]) for endpoint in endpoints))

    async def deliver(self) -> int:
        return await self.deliverer.deliver_due()

    async def delivery(self, endpoint: Any, event_id: UUID) -> Any:
        return await self.ok("GET", f"/{endpoint['id']}/deliveries/{event_id}")

    async def shown(self, endpoint: Any) -> Any:
        return await self.ok("GET", f"/{endpoint['id']}")

    async def due_now(self) -> None:
        """Let the time until the next tries, and pauses, pass."""
        await self.execute("UPDATE webhook_delivery SET next_at = now() WHERE status = 'pending'")
        await self.execute("UPDATE webhook_endpoint SET open_until = now() WHERE open_until IS NOT NULL")

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        async with self.database.reader() as reader:
            return await reader.fetch_dicts(sql, values)

    async def execute(self, sql: str, *values: Any) -> int:
        async with self.database.transaction() as tx:
            return await tx.execute(sql, values)


def verified(asked: Asked, *secrets: str) -> Any:
    """The body, after a receiver's library has checked it with each of these secrets."""
    for secret in secrets:
        Webhook(secret).verify(asked.raw, asked.headers)
    return asked.body


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    async with served(fake.app()) as server:  # type: ignore[arg-type]
        fake.base = str(server.base_url).rstrip("/")
        yield fake


@pytest.fixture
async def hooks(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, receiver: FakeApi
) -> AsyncIterator[Hooks]:
    receiver.reset()
    address = receiver.base.removeprefix("http://")
    wired = settings.model_copy(update={"outbound_allow": address, "webhook_limit": 4})
    key = make_key()
    async with database.transaction() as tx:
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[SERVICE], owner=None, life=None
        )
    async with api(wired, database, redis, tmp_path) as app, client_of(app) as client:
        hooks = Hooks(wired, database, client, receiver, {"X-API-Key": key.text})
        hooks.deliverer = hooks.another_deliverer()
        yield hooks
    receiver.released.set()
    await hooks.deliverer.finish()
    for outbound in hooks.clients:
        await outbound.close()
