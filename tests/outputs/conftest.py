"""A collection, and its owner's requests."""

import httpx2
import pytest
from tests import factories
from tests.outputs.caller import Caller

from emprops.kit.database import Database


@pytest.fixture
async def collection(database: Database) -> factories.Collection:
    async with database.transaction() as tx:
        return await factories.make_collection(tx, title="Veo Video Generator")


@pytest.fixture
def call(client: httpx2.AsyncClient, collection: factories.Collection) -> Caller:
    return Caller(client, collection.user_id)
