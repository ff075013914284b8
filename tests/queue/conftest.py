from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.engines import Engines
from tests.queue.helpers import Worker

from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue


@pytest.fixture(scope="session", name="client")
async def open_client(engines: Engines) -> AsyncIterator[Any]:
    """A client as the processes make it."""
    client = connect(engines.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def queue(client: Any) -> Queue:
    return Queue(client)


@pytest.fixture
def worker(client: Any) -> Worker:
    return Worker(client)


@pytest.fixture
def workers(client: Any) -> Callable[..., Worker]:
    return lambda name, offers=None: Worker(client, name, offers) if offers else Worker(client, name)
