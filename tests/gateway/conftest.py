from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from tests.apps import served
from tests.engines import Engines
from tests.gateway.rig import Side, add_key, http_side, redis_side
from tests.queue.helpers import ANYTHING

from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.main import create_app
from emprops.queue.dispatch import Queue
from emprops.queue.matching import WorkerOffers
from emprops.settings import Settings

MakeSide = Callable[..., Awaitable[Side]]


@pytest.fixture(scope="package", name="client")
async def open_client(engines: Engines) -> AsyncIterator[Any]:
    client = connect(engines.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def queue(client: Any) -> Queue:
    return Queue(client)


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its data."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="package")
async def app(settings: Settings, files: Path) -> AsyncIterator[FastAPI]:
    """The api; nothing in it moves jobs on by itself."""
    limits = {"gateway_file_bytes": 100_000, "upkeep_in_api": False, "data_dir": files}
    app = create_app(settings.model_copy(update=limits))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="package")
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The api on a socket."""
    async with served(app) as client:
        yield client


@pytest.fixture
def url(http: httpx2.AsyncClient) -> str:
    return str(http.base_url).rstrip("/")


@pytest.fixture
async def key(database: Database) -> str:
    return await add_key(database, "worker")


@pytest.fixture(params=["redis", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    """The way to the queue."""
    return str(request.param)


@pytest.fixture
async def make(kind: str, client: Any, engines: Engines, url: str, key: str) -> AsyncIterator[MakeSide]:
    """Workers that reach the queue this way."""
    sides: list[Side] = []

    async def make(name: str = "worker-1", offers: WorkerOffers = ANYTHING, *, cut: bool = False) -> Side:
        if kind == "redis":
            sides.append(await redis_side(engines, client, name, offers, cut=cut))
        else:
            sides.append(await http_side(client, url, key, name, offers, cut=cut))
        return sides[-1]

    yield make
    for side in sides:
        await side.close()


@pytest.fixture
async def side(client: Any, url: str, key: str) -> AsyncIterator[Side]:
    """A worker on another machine."""
    side = await http_side(client, url, key)
    yield side
    await side.close()
