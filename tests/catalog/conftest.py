"""The api in this process, and a service that may change everything."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, client_of

from emprops.auth import store as auth
from emprops.auth.caller import SERVICE
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.settings import Settings


@pytest.fixture
async def app(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    async with api(settings, database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def service(database: Database) -> dict[str, str]:
    """Headers of a service that speaks for nobody."""
    key = make_key()
    async with database.transaction() as tx:
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[SERVICE], owner=None, life=None
        )
    return {"X-API-Key": key.text}
