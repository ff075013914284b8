"""An api over the real engines, with a few routes of its own that show what the kit does."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from tests.engines import Engines

from emprops.jobs.lookout import lookout_from
from emprops.kit.database import Database
from emprops.kit.pubsub import Pokes
from emprops.kit.redis import connect
from emprops.kit.web.endpoint import Resources
from emprops.kit.web.server import SERVER_OPTIONS
from emprops.kit.web.streams import streams_from
from emprops.main import create_app
from emprops.media.storage import FolderStorage
from emprops.settings import Settings

USER = "00000000-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def bare_app(settings: Settings) -> FastAPI:
    """The api with its routes."""
    return create_app(settings)


@pytest.fixture
async def app(bare_app: FastAPI, settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The api with its resources too, without what runs beside the requests."""
    app = bare_app
    redis = connect(settings.redis_url)
    app.state.resources = Resources(
        settings=settings,
        database=database,
        redis=redis,
        pokes=Pokes(settings.redis_url, "test"),
        storage=FolderStorage(tmp_path / "files"),
        streams=streams_from(settings),
    )
    app.state.lookout = lookout_from(app.state.resources)  # it looks for nobody
    yield app
    await redis.aclose()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that calls the api in this process, as a known user."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://testserver", headers={"user_id": USER}
    ) as client:
        yield client


@pytest.fixture(params=["handed over", "over ASGI"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Our server, and one that hands no connection over."""
    if request.param == "over ASGI":
        monkeypatch.setitem(SERVER_OPTIONS, "http", "httptools")
    return str(request.param)


@pytest.fixture
async def pool(engines: Engines) -> AsyncIterator[Database]:
    """A pool of one connection of its own, and a table."""
    database = Database(engines.database_url, size=1)
    await database.open()
    async with database.transaction() as tx:
        await tx.execute("DROP TABLE IF EXISTS jar; CREATE TABLE jar (n int PRIMARY KEY)")
    yield database
    async with database.transaction() as tx:
        await tx.execute("DROP TABLE jar")
    await database.close()
