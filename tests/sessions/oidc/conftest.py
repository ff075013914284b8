"""A provider that lies if it is told to, and an api that has it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from tests.apps import served
from tests.fakes.oidc import FakeProvider
from tests.sessions.oidc.providers import Console, console_at

from emprops.kit.database import Database
from emprops.settings import Settings


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    fake = FakeProvider()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
async def console(
    provider: FakeProvider, settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[Console]:
    operators = "boss@example.com, Chief@Example.com"
    async with console_at(
        provider.base, settings, database, redis, tmp_path, oidc_operators=operators, role_names="ops=operator"
    ) as console:
        yield console
