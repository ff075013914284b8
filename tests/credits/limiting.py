"""Users and keys whose spending is limited, and what they start."""

from typing import Any
from uuid import UUID

import httpx2
from tests.apps import as_user
from tests.credits.rig import user_with
from tests.factories import Collection

from emprops.credits import limits
from emprops.credits.amounts import MICROS
from emprops.kit.database import Database


async def limited(database: Database, amount: float, *, period: Any = "day", **whose: Any) -> UUID:
    """A user with 100 credits, and an operator's limit for them or ``whose``."""
    async with database.transaction() as tx:
        user_id = await user_with(tx, 100 * MICROS)
        whose = whose or {"user_id": user_id}
        await limits.set_limit(tx, "cli:test", round(amount * MICROS), period=period, **whose)
    return user_id


async def generate(
    client: httpx2.AsyncClient, user_id: UUID, collection: Collection, headers: dict[str, str] | None = None
) -> httpx2.Response:
    path = f"/api/collections/{collection.id}/generate"
    return await client.post(path, json={"variables": {}}, headers=(headers or {}) | as_user(user_id))


async def limits_of(client: httpx2.AsyncClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    response = await client.get("/credits", headers=headers)
    assert response.status_code == 200
    return list(response.json()["data"]["limits"])


async def key_of(database: Database, headers: dict[str, str]) -> tuple[str, UUID]:
    """A key's public part, and its id."""
    prefix = headers["X-API-Key"][:12]
    async with database.transaction() as tx:
        return prefix, await limits.key_named(tx, prefix)
