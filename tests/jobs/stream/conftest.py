"""The api over real HTTP, and a job to which things happen."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, served
from tests.jobs.stream.rig import Story

from emprops.kit.database import Database
from emprops.settings import Settings


@pytest.fixture(scope="session")
def stream_settings(settings: Settings) -> Settings:
    """Streams here hear of a change by a poke or, within the patience of a test, not at all."""
    return settings.model_copy(update={"stream_poll": 120.0})


@pytest.fixture
async def app(
    stream_settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    async with api(stream_settings, database, redis, tmp_path) as app:
        yield app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(app) as client:
        yield client


@pytest.fixture
async def story(database: Database, redis: redis.asyncio.Redis, settings: Settings) -> Story:
    story = Story(database, redis, settings)
    await story.begin()
    return story


@pytest.fixture
async def stories(story: Story, database: Database, redis: redis.asyncio.Redis, settings: Settings) -> list[Story]:
    """Three jobs."""
    others = [Story(database, redis, settings) for _ in range(2)]
    for other in others:
        await other.begin()
    return [story, *others]
