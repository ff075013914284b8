"""Jobs as server-sent events: what a stream waits for and holds on to, and how it ends."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from tests.apps import api, as_user, served
from tests.jobs.stream.rig import Story, names, stream

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.pubsub import poke
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_ended_job_gives_its_past_and_closes(http: httpx2.AsyncClient, story: Story, status: str) -> None:
    await story.tell("over", status=status, progress=60)
    async with stream(http, story.job) as following:
        events = await following.rest()
    assert names(events) == ["history_init", "job_update"]
    assert events[1][1]["status"] == status


async def test_poke_without_visible_change_sends_nothing(http: httpx2.AsyncClient, story: Story) -> None:
    async with stream(http, story.job) as following:
        await following.next(), await following.next()
        await story.tell(status="pending")  # touches updated_at alone
        await story.tell("done", status="completed", progress=100)
        assert names(await following.rest()) == ["job_history", "job_update"]


async def test_change_without_poke_is_found_by_looking_again(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, story: Story
) -> None:
    impatient = settings.model_copy(update={"stream_poll": 0.05})
    async with (
        api(impatient, database, redis, tmp_path) as app,
        served(app) as http,
        stream(http, story.job) as following,
    ):
        await following.next(), await following.next()
        await story.tell("done", quietly=True, status="completed", progress=100)
        assert names(await following.rest()) == ["job_history", "job_update"]


async def test_quiet_stream_beats_its_heart_with_the_comment_of_the_contract(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, story: Story
) -> None:
    lively = settings.model_copy(update={"stream_heartbeat": 0.05})
    async with api(lively, database, redis, tmp_path) as app, served(app) as http, stream(http, story.job) as following:
        await following.next(), await following.next()
        lines = [await anext(following.lines) for _ in range(4)]
    assert lines == [":heartbeat", "", ":heartbeat", ""]


async def test_streams_hold_no_connection_and_hear_pokes_together(
    http: httpx2.AsyncClient, story: Story, database: Database
) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(stream(http, story.job)) for _ in range(15)]
        assert len(streams) > database.pool.max_size
        for following in streams:
            await following.next(), await following.next()
        reply = await http.get(f"/api/jobs/{story.job.id}", headers=as_user(story.job.user_id))
        assert reply.status_code == 200
        await story.tell("done", status="completed", progress=100)
        logs = await asyncio.gather(*(following.rest() for following in streams))
    assert all(log == logs[0] for log in logs)
    assert names(logs[0]) == ["job_history", "job_update"]


async def test_stream_of_a_deleted_job_ends(http: httpx2.AsyncClient, story: Story, database: Database) -> None:
    async with stream(http, story.job) as following:
        await following.next(), await following.next()
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM job WHERE id = %s", (story.job.id,))
        await poke(story.redis, story.channel, [str(story.job.id)])
        assert await following.rest() == []


async def test_nobody_elses_stream_opens(http: httpx2.AsyncClient, story: Story) -> None:
    for job, caller in ((story.job.id, new_id()), (new_id(), story.job.user_id)):
        reply = await http.get(f"/api/jobs/{job}/stream", headers=as_user(caller))
        assert reply.status_code == 404
        assert reply.json()["error"] == "Job not found"
        assert reply.headers["content-type"] == "application/json"


async def test_who_has_seen_the_end_is_told_not_to_come_back(http: httpx2.AsyncClient, story: Story) -> None:
    await story.tell("done", status="completed")
    path, headers = f"/api/jobs/{story.job.id}/stream", as_user(story.job.user_id)
    whole = (await http.get(path, headers=headers)).text
    ids = [line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: ")]
    assert ids[-1].endswith("-end")
    last = ids[-1]
    over = await http.get(path, headers=headers | {"Last-Event-ID": last})
    assert (over.status_code, over.content) == (204, b"")
    # between the last row and the job's last state: that is still to come
    broke_off = await http.get(path, headers=headers | {"Last-Event-ID": last.removesuffix("-end")})
    assert (broke_off.status_code, broke_off.text.count("event: job_update")) == (200, 1)
    await story.tell("tried once more", status="failed", quietly=True)
    again = await http.get(path, headers=headers | {"Last-Event-ID": last})
    assert (again.status_code, again.text.count("event: job_history")) == (200, 1)
