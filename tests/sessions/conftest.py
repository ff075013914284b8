"""The api in production behind https, and on a machine of one's own, as a browser sees it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests import conformance
from tests.apps import api

from emprops.auth import store
from emprops.auth.keys import make_key
from emprops.auth.tokens import make_token
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.settings import Settings

SECRET = "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY"
HOST = "https://emprops.example"
HERE = "http://localhost:3001"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request that a page of the api makes."""
ANNA = UUID("0192f0c8-0000-7000-8000-00000000000a")

MakeKey = Callable[..., Awaitable[dict[str, str]]]


def browser(app: FastAPI, at: str = HOST) -> httpx2.AsyncClient:
    """A client that keeps cookies and says that its requests come from a page of the api."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url=at,
        headers=OWN_PAGE,
        event_hooks={"response": [conformance.check]},
    )


def token(user_id: UUID = ANNA) -> dict[str, str]:
    made = make_token(user_id, secret=SECRET, issuer="emprops", audience="emprops", life=60)
    return {"Authorization": f"Bearer {made}"}


def in_production(settings: Settings, **changes: object) -> Settings:
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "public_url": HOST}
    return Settings(mode="production", jwt_secret=SECRET, **{**urls, **changes})


@pytest.fixture
async def production(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    async with api(in_production(settings), database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def page(production: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A page of the api in production."""
    async with browser(production) as client:
        yield client


@pytest.fixture
async def local(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "data_dir": tmp_path}
    async with api(Settings(mode="local", **urls), database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def here(local: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A page of the api on this machine."""
    async with browser(local, HERE) as client:
        yield client


@pytest.fixture
def add_key(database: Database) -> MakeKey:
    """Stores a key and gives its header."""

    async def add(scope: str, owner: UUID | None = None) -> dict[str, str]:
        key = make_key()
        async with database.transaction() as tx:
            await store.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[scope], owner=owner, life=None
            )
        return {"X-API-Key": key.text}

    return add


async def set_session(database: Database, session_id: str, what: str) -> None:
    """Write into a session's row, and let no process know."""
    async with database.transaction() as tx:
        assert await tx.execute(f"UPDATE session SET {what} WHERE id = %s", [session_id]) == 1


def fresh_id() -> str:
    return str(new_id())
