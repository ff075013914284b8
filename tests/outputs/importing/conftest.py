"""Somebody's web server, and the workshop that fetches from it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from tests import factories
from tests.apps import as_user, served
from tests.outputs.importing.rig import Complete, Elsewhere

from emprops.kit.database import Database
from emprops.media.storage import FolderStorage
from emprops.outputs.importing import Workshop
from emprops.settings import Settings


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    fake = Elsewhere()
    app: Any = Starlette(routes=[Route("/{name}", fake.answer)])
    async with served(app) as client:
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def shop(database: Database, settings: Settings, elsewhere: Elsewhere, tmp_path: Path) -> Workshop:
    """In the same folder as the api of the fixture ``app``, so that what is stored can be fetched."""
    allowed = settings.model_copy(update={"outbound_allow": elsewhere.base.removeprefix("http://")})
    return Workshop(database, FolderStorage(tmp_path), allowed)


@pytest.fixture
def complete(client: httpx2.AsyncClient, collection: factories.Collection) -> Complete:
    """Make an output and complete it with a URL; or complete that output again."""
    me = as_user(collection.user_id)

    async def complete(url: str, output_id: str | None = None, **fields: Any) -> dict[str, Any]:
        if output_id is None:
            made = await client.post("/outputs", json={"collection_id": str(collection.id)}, headers=me)
            output_id = made.json()["data"]["id"]
        reply = await client.patch(f"/outputs/{output_id}/complete", json={"url": url, **fields}, headers=me)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

    return complete
