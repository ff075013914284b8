"""The OpenAI connector, and a server that speaks OpenAI's protocol on loopback."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from tests.apps import served
from tests.connectors.openai.rig import SOURCE, settings_of
from tests.fakes.openai import FakeOpenAI
from tests.fakes.pictures import JPEG, PNG

from emprops.connectors.openai.connector import OpenAI


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeOpenAI]:
    fake = FakeOpenAI()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    return server


@pytest.fixture
async def connector(fake: FakeOpenAI, request: pytest.FixtureRequest) -> AsyncIterator[OpenAI]:
    patience = 0.3 if "[slow]" in request.node.name else 30
    limit = 1024 * 1024 if "[gigantic]" in request.node.name else 1024**3
    made = OpenAI(settings_of(fake, max_result_bytes=limit), idle=patience, max_answer_bytes=1024 * 1024)
    yield made
    await made.close()


@pytest.fixture
def inputs(tmp_path: Path) -> Mapping[str, Path]:
    source, mask, page = tmp_path / "source.jpg", tmp_path / "mask.png", tmp_path / "page.bin"
    source.write_bytes(JPEG)
    mask.write_bytes(PNG)
    page.write_bytes(b"<html>")
    return {SOURCE: source, "https://files.example/mask.png": mask, "https://files.example/page": page}
