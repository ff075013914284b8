"""Two users and an operator, and what tests ask about them."""

from typing import Any
from uuid import UUID

import httpx2
from tests import factories
from tests.auth.test_roles import token

from emprops.kit.database import Database
from emprops.kit.ids import new_id

ANNA, BERT, OLGA = new_id(), new_id(), new_id()


async def job_of(database: Database, owner: UUID, **state: Any) -> factories.Job:
    async with database.transaction() as tx:
        user = await factories.make_user(tx, owner)
        return await factories.make_job(tx, collection=await factories.make_collection(tx, user), **state)


async def audit(client: httpx2.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    reply = await client.get("/audit", params=filters, headers=token(OLGA))
    assert reply.status_code == 200, reply.text
    data: list[dict[str, Any]] = reply.json()["data"]
    return data
