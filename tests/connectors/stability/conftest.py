"""The Stability connector, and a server that speaks its REST API on loopback."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from tests.apps import served
from tests.connectors.stability.rig import SOURCE, Pauses, settings_of
from tests.fakes.pictures import JPEG
from tests.fakes.stability import FakeStability

from emprops.connectors.stability.connector import StabilityApi


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeStability]:
    fake = FakeStability()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture
def fake(server: FakeStability) -> FakeStability:
    server.reset()
    return server


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def connector(fake: FakeStability, pauses: Pauses, request: pytest.FixtureRequest) -> AsyncIterator[StabilityApi]:
    patience = 0.3 if "[slow]" in request.node.name else 30
    limit = 1024 * 1024 if "[gigantic]" in request.node.name else 1024**3
    settings = settings_of(fake, max_result_bytes=limit)
    made = StabilityApi(settings, idle=patience, max_answer_bytes=1024 * 1024, pause=pauses)
    yield made
    await made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Mapping[str, Path]:
    source, page = tmp_path / "source.jpg", tmp_path / "page.bin"
    source.write_bytes(JPEG)
    page.write_bytes(b"<html>")
    return {SOURCE: source, "https://files.example/page": page}
