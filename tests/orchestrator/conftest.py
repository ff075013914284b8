from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from tests.apps import api, client_of, send_by, service_key
from tests.orchestrator.rig import Rig
from tests.queue.helpers import Worker

from emprops.kit.database import Database
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.settings import Settings


@pytest.fixture
def rig_settings(settings: Settings) -> Settings:
    """The settings that the rig runs with."""
    return settings


@pytest.fixture
async def rig(
    rig_settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[Rig]:
    """Nothing moves on its own here."""
    settings = rig_settings
    dispatcher = Dispatcher(database, Queue(redis, prefix=settings.queue_prefix), settings)
    orchestrator = Orchestrator(
        database=database, redis=redis, dispatcher=dispatcher, settings=settings, consumer="test"
    )
    await orchestrator.stream.ensure_group()
    async with api(settings, database, redis, tmp_path) as app, client_of(app) as client:
        send_by(app, dispatcher)
        yield Rig(
            settings=settings,
            database=database,
            redis=redis,
            client=client,
            app=app,
            dispatcher=dispatcher,
            orchestrator=orchestrator,
            worker=Worker(redis),
            service=await service_key(database),
        )
