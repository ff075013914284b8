"""The api in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, client_of

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
