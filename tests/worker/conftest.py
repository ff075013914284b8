from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engines import Engines
from tests.queue.proxy import Proxy
from tests.worker.rig import ReportLog, Rig
from tests.worker.single import Bench

from emprops.kit.redis import connect
from emprops.queue.dispatch import Queue
from emprops.settings import Settings


@pytest.fixture
async def client(engines: Engines) -> AsyncIterator[Any]:
    client = connect(engines.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def waiting_client(engines: Engines) -> AsyncIterator[Any]:
    """A client whose blocking commands may take as long as they want."""
    client = connect(engines.redis_url, socket_timeout=None)
    yield client
    await client.aclose()


@pytest.fixture
def queue(client: Any) -> Queue:
    return Queue(client)


@pytest.fixture
def log(client: Any) -> ReportLog:
    return ReportLog(client)


@pytest.fixture
def make_rig(client: Any, settings: Settings, tmp_path: Path) -> Callable[..., Rig]:
    """Workers that store below the test's folder."""

    def make(**options: Any) -> Rig:
        return Rig(**{"client": client, "settings": settings, "folder": tmp_path / "files", **options})

    return make


@pytest.fixture
async def proxy(engines: Engines) -> AsyncIterator[Proxy]:
    async with Proxy(engines.redis_socket, engines.folder / "worker-proxy.sock").serving() as proxy:
        yield proxy


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(Settings(mode="test", data_dir=tmp_path), tmp_path / "files")
    yield bench
    await bench.http.close()
