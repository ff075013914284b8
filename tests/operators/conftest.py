"""The api in production, with an operator."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from tests.apps import client_of
from tests.auth.test_roles import SECRET
from tests.operators.people import OLGA

from emprops.auth import role_store
from emprops.kit.database import Database
from emprops.main import create_app
from emprops.settings import Settings


@pytest.fixture
async def client(settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The api in production; Olga is an operator."""
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "data_dir": tmp_path}
    app = create_app(Settings(mode="production", jwt_secret=SECRET, upkeep_in_api=False, **urls))
    async with database.transaction() as tx:
        await role_store.grant(tx, OLGA, "operator", by="cli")
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client
