"""The api served on loopback in which nothing moves on its own, and a fleet of workers that only say so."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from tests.engines import Engines
from tests.live.scene import Scene, scene_of
from tests.queue.helpers import PREFIX

from emprops.kit.database import Database
from emprops.queue.fleet import FleetMember
from emprops.settings import Settings


@pytest.fixture(scope="session")
def live_settings(settings: Settings) -> Settings:
    """Connections here hear of a change by a poke or, within the patience of a test, not at all."""
    return settings.model_copy(update={"stream_poll": 120.0})


@pytest.fixture
async def scene(
    live_settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[Scene]:
    async with scene_of(live_settings, database, redis, tmp_path) as scene:
        yield scene


@pytest.fixture
def member(engines: Engines) -> Iterator[FleetMember]:
    """What workers announce themselves with."""
    with redis.Redis(unix_socket_path=engines.redis_socket) as client:
        yield FleetMember(client, PREFIX)
