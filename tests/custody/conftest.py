"""A desk over the api in this process."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.apps import as_user
from tests.factories import make_collection, make_deck, make_file, make_job, make_output, make_social_link

from emprops.kit.database import Database

HELD = """
    SELECT (SELECT count(*) FROM output WHERE custodied_for IS NOT NULL OR is_custodial)
         + (SELECT count(*) FROM deck WHERE custodied_for IS NOT NULL OR is_custodial)
         + (SELECT count(*) FROM collection WHERE custodied_for IS NOT NULL OR is_custodial) AS held
"""


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


async def hold_things(desk: Desk, custodian: UUID, identifier: str = "vitalik") -> dict[str, UUID]:
    """A collection, a deck with two outputs (one shows a file), and an output without a deck."""
    async with desk.database.transaction() as tx:
        link = await make_social_link(tx, identifier)
        made = await make_collection(tx, custodian, custodied_for=link)
        public = await make_collection(tx, is_public=True)
        deck = await make_deck(tx, public, custodian, custodied_for=link)
        job = await make_job(tx, custodian, collection=public, status="completed")
        file = await make_file(tx, job=job)
        shown = await make_output(
            tx, public, custodian, deck_id=deck, status="completed", flat_file_id=file, custodied_for=link
        )
        hidden = await make_output(tx, public, custodian, deck_id=deck, status="hidden", custodied_for=link)
        loose = await make_output(tx, public, custodian, custodied_for=link)
        await make_output(tx, public, custodian)  # the custodian's own
    return {"link": link, "collection": made.id, "deck": deck, "shown": shown, "hidden": hidden, "loose": loose}
