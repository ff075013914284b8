"""What streams sit out: a database that is busy or away, a Redis that does not answer, and what breaks for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import psycopg_pool
import pytest
import redis.asyncio
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.apps import api, served
from tests.engines import Engines
from tests.jobs.stream.rig import Story, begun, names, until

from emprops.jobs.lookout import Lookout
from emprops.jobs.stream import Watched
from emprops.jobs.stream_queries import Look
from emprops.kit.database import Database
from emprops.kit.pubsub import poke
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def small_pool(settings: Settings) -> AsyncIterator[Database]:
    """Two connections."""
    database = Database(settings.database_url, size=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def test_a_busy_pool_is_no_news_yet(
    stream_settings: Settings,
    redis: redis.asyncio.Redis,
    tmp_path: Path,
    stories: list[Story],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emprops.kit.looking.AFTER_FAILURE", 0.02)
    lively = stream_settings.model_copy(update={"stream_heartbeat": 0.05})
    failed = 0
    async with small_pool(lively) as database:
        getconn = database.pool.getconn

        async def counted(*arguments: Any) -> Any:
            nonlocal failed
            try:
                return await getconn(*arguments)
            except psycopg_pool.PoolTimeout:
                failed += 1
                raise

        monkeypatch.setattr(database.pool, "getconn", counted)
        async with api(lively, database, redis, tmp_path) as app, served(app) as http, begun(http, stories) as streams:
            with capture_logs() as logs:
                async with database.reader(), database.reader():
                    monkeypatch.setattr(database.pool, "timeout", 0.05)
                    for story in stories:
                        await story.tell("Step 1 started", status="processing")
                    await until(lambda: failed > 3)
                    for one in streams:
                        assert [await anext(one.lines) for _ in range(4)] == [":heartbeat", ""] * 2
                    monkeypatch.setattr(database.pool, "timeout", 10.0)
                for one in streams:
                    assert names([await one.next(), await one.next()]) == ["job_history", "job_update"]
                for story in stories:
                    await story.tell("done", status="completed")
                assert [names(await one.rest()) for one in streams] == [["job_history", "job_update"]] * 3
    said = [line["event"] for line in logs if line["log_level"] != "info"]
    assert said == ["database away", "database back"]


async def test_streams_outlive_a_restart_of_postgresql(
    app: FastAPI, http: httpx2.AsyncClient, stories: list[Story], engines: Engines
) -> None:
    async with begun(http, stories) as streams:
        with capture_logs() as logs:
            engines.kill_postgres()
            await poke(stories[0].redis, stories[0].channel, [str(story.job.id) for story in stories])
            await until(lambda: any(line["event"] == "database away" for line in logs))
            engines.restart_postgres()
            for story in stories:
                await story.tell("done", status="completed")
            assert [names(await one.rest()) for one in streams] == [["job_history", "job_update"]] * 3
            await until(lambda: any(line["event"] == "database back" for line in logs))
    said = [line["event"] for line in logs]
    assert [said.count(event) for event in ("database away", "database back", "streams failed")] == [1, 1, 0]


async def test_what_breaks_for_one_job_ends_its_streams_alone(
    http: httpx2.AsyncClient, stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Watched.note

    def broken(job: Watched, look: Look) -> Any:
        if job.id == stories[0].job.id:
            raise RuntimeError("out of order")
        return note(job, look)

    async with begun(http, stories) as streams:
        monkeypatch.setattr(Watched, "note", broken)
        with capture_logs() as logs:
            for story in stories:
                await story.tell("done", status="completed")
            rest = [line async for line in streams[0].lines]
            assert [names(await one.rest()) for one in streams[1:]] == [["job_history", "job_update"]] * 2
    assert rest[0].startswith("retry: ")
    assert "stream failed" in [line["event"] for line in logs]


async def test_a_preview_that_does_not_come_holds_up_no_news(
    app: FastAPI, http: httpx2.AsyncClient, story: Story
) -> None:
    looking: Lookout = app.state.lookout

    async def never(job_id: UUID, after: int) -> None:
        await asyncio.Event().wait()

    looking._shows._latest = never
    async with begun(http, [story]) as [one]:
        await story.tell("Step 1 started", status="processing")
        await one.next(), await one.next()
        await story.tell("done", status="completed")
        assert names(await one.rest()) == ["job_history", "job_update"]
