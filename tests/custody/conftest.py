"""A desk over the api in this process."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.apps import as_user

from emprops.kit.database import Database


@dataclass
class Desk:
    """Where a test hands things over and looks who has what."""

    client: httpx2.AsyncClient
    database: Database
    service: dict[str, str]

    async def transfer(self, user_id: UUID, identifier: str = "vitalik", org: str = "farcaster") -> httpx2.Response:
        body = {"social_org": org, "social_identifier": identifier, "user_id": str(user_id)}
        return await self.client.post("/api/social-links/transfer", json=body, headers=self.service)

    async def get(self, path: str, user_id: UUID) -> Any:
        reply = await self.client.get(path, headers=as_user(user_id))
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    async def post(self, path: str, body: Any, user_id: UUID) -> httpx2.Response:
        return await self.client.post(path, json=body, headers=as_user(user_id))

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with self.database.reader() as reader:
            return await reader.fetch_dicts(sql, parameters)


@pytest.fixture
def desk(client: httpx2.AsyncClient, database: Database, service: dict[str, str]) -> Desk:
    return Desk(client, database, service)
