from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from tests.apps import served
from tests.connectors.fetch_api.calls import KEY, Pauses
from tests.fakes.http_api import FakeApi

from emprops.connectors.fetch_api.connector import FetchApi
from emprops.connectors.fetch_api.secrets import Secret, Secrets
from emprops.kit.outbound.guard import Allowed
from emprops.settings import Settings


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def api(server: FakeApi) -> Iterator[FakeApi]:
    server.reset()
    yield server
    server.released.set()


@pytest.fixture(scope="module")
async def shared(server: FakeApi) -> AsyncIterator[tuple[FetchApi, Pauses]]:
    place = urlsplit(server.base).netloc
    secrets = Secrets(
        {"VIDEO_API_KEY": Secret(KEY, frozenset({place})), "OTHER_KEY": Secret("other-0123456", frozenset({"x.com"}))},
        Allowed.parse(place),
    )
    pauses = Pauses()
    connector = FetchApi(Settings(outbound_allow=place), secrets=secrets, pause=pauses)
    yield connector, pauses
    await connector.close()


@pytest.fixture
def connector(shared: tuple[FetchApi, Pauses]) -> FetchApi:
    return shared[0]


@pytest.fixture
def pauses(shared: tuple[FetchApi, Pauses]) -> Pauses:
    shared[1].seconds.clear()
    return shared[1]
