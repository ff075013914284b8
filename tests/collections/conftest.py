"""The api in this process with the samples, and people who call it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, as_user, service_key
from tests.factories import INSTRUCTIONS

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.samples import store as samples
from emprops.settings import Settings

BODY = {"title": "Quiet Harbours", "data": INSTRUCTIONS}


@pytest.fixture
async def app(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    await samples.seed(database)
    async with api(settings, database, redis, tmp_path) as app:
        yield app


@dataclass(frozen=True)
class User:
    """Somebody who calls. Each call gives the reply's data, and insists on the status."""

    client: httpx2.AsyncClient
    headers: dict[str, str]
    id: UUID | None

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        reply = await self.client.request(
            method, path, headers=self.headers, **({} if body is None else {"json": body})
        )
        assert reply.status_code == status, reply.text
        return reply.json()["data"] if status < 300 else reply.json()

    async def get(self, path: str, *, status: int = 200) -> Any:
        return await self.call("GET", path, status=status)

    async def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        return await self.call("POST", path, body, status=status)

    async def patch(self, path: str, body: Any, *, status: int = 200) -> Any:
        return await self.call("PATCH", path, body, status=status)


@pytest.fixture
def user(client: httpx2.AsyncClient) -> User:
    user_id = new_id()
    return User(client, as_user(user_id), user_id)


@pytest.fixture
def other(client: httpx2.AsyncClient) -> User:
    user_id = new_id()
    return User(client, as_user(user_id), user_id)


@pytest.fixture
def nobody(client: httpx2.AsyncClient) -> User:
    return User(client, {}, None)


@pytest.fixture
async def service(client: httpx2.AsyncClient, database: Database) -> User:
    return User(client, await service_key(database), None)


Planned = Callable[[User, str, dict[str, Any]], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def planned(database: Database) -> Planned:
    """Start a generation and give the payloads of its steps, in order."""

    async def start(user: User, collection: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
        job = (await user.post(f"/api/collections/{collection}/generate", {"variables": variables}))["jobId"]
        async with database.reader() as reader:
            return await reader.fetch_values(
                "SELECT input_data FROM step WHERE job_id = %s ORDER BY step_order", (job,)
            )

    return start
