"""An api in production mode, with routes that say who they think is calling."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import APIRouter, FastAPI, Request
from tests.apps import api, client_of
from tests.auth.tokens import SECRET

from emprops.auth import store
from emprops.auth.dependencies import CurrentCaller, CurrentUser, OptionalCaller, PublicRoute, ServiceCaller
from emprops.auth.keys import make_key
from emprops.kit.database import Database
from emprops.kit.web.endpoint import router
from emprops.kit.web.envelope import Envelope, ok
from emprops.settings import Settings

OpenApp = Callable[..., AbstractAsyncContextManager[FastAPI]]
OpenApi = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
MakeKey = Callable[..., Awaitable[str]]

ANNA = UUID("0192f0c8-0000-7000-8000-00000000000a")
BERT = UUID("0192f0c8-0000-7000-8000-00000000000b")


def whoami_routes() -> APIRouter:
    routes = router()

    @routes.get("/whoami")
    @routes.post("/whoami")
    async def whoami(caller: CurrentCaller) -> Envelope[dict[str, str | bool | None]]:
        return ok({"user": caller.user_id and str(caller.user_id), "service": caller.is_service})

    @routes.get("/user")
    async def user(user_id: CurrentUser) -> Envelope[UUID]:
        return ok(user_id)

    @routes.post("/service")
    async def service(caller: ServiceCaller) -> Envelope[UUID | None]:
        return ok(caller.user_id)

    @routes.get("/headers", dependencies=[PublicRoute])
    async def headers(request: Request) -> Envelope[list[str]]:
        return ok([name.lower() for name in request.headers])

    @routes.get("/open")
    async def open_to_all(caller: OptionalCaller) -> Envelope[bool]:
        return ok(caller is not None)

    return routes


WHOAMI = whoami_routes()


@pytest.fixture
def open_app(settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path) -> OpenApp:
    """Opens an api with settings of one's own."""

    @asynccontextmanager
    async def open_one(**changes: object) -> AsyncIterator[FastAPI]:
        values = {"mode": "production", "database_url": settings.database_url, "redis_url": settings.redis_url}
        async with api(Settings(**{**values, **changes}), database, redis, tmp_path, extra=WHOAMI) as app:
            yield app
            await app.state.authenticator.close()

    return open_one


@pytest.fixture
def open_api(open_app: OpenApp) -> OpenApi:
    """Opens such an api and gives a client of it."""

    @asynccontextmanager
    async def open_one(**changes: object) -> AsyncIterator[httpx2.AsyncClient]:
        async with open_app(**changes) as app, client_of(app) as client:
            yield client

    return open_one


@pytest.fixture
async def production(open_api: OpenApi) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an api that knows users by HS256 tokens."""
    async with open_api(jwt_secret=SECRET) as client:
        yield client


@pytest.fixture
def add_key(database: Database) -> MakeKey:
    """Stores a new API key; gives its text."""

    async def add(*scopes: str, owner: UUID | None = None) -> str:
        key = make_key()
        async with database.transaction() as tx:
            await store.add_key(
                tx, prefix=key.prefix, digest=key.digest, name="test", scopes=list(scopes), owner=owner, life=None
            )
        return key.text

    return add
