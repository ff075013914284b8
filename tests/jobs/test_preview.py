"""What a running job is making, as the api gives it: to its owner, while it runs."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user, served
from tests.factories import Job, make_job
from tests.jobs.stream.rig import Stream

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED, KEYS
from emprops.queue.messages import Preview

PICTURE = Preview(b"\xff\xd8\xff picture", "image/jpeg", "12")


async def show(client: redis.asyncio.Redis, job: Job, preview: Preview, seq: int) -> None:
    """As a worker's heartbeat does."""
    values: dict[str, Any] = {"seq": seq, "step": "s", "type": preview.mime_type, "node": preview.node}
    await client.hset(f"emprops:{KEYS.preview}{job.id}", mapping=values | {"content": preview.content})  # type: ignore[misc]
    await poke(client, f"emprops:{JOBS_CHANGED}", [str(job.id)])


async def job_with(database: Database, status: str) -> Job:
    async with database.transaction() as tx:
        return await make_job(tx, status=status, progress=40)


async def test_its_owner_sees_it(client: httpx2.AsyncClient, database: Database, redis: redis.asyncio.Redis) -> None:
    job = await job_with(database, "processing")
    url, owner = f"/api/jobs/{job.id}/preview", as_user(job.user_id)
    assert (await client.get(url, headers=owner)).status_code == 404
    await show(redis, job, PICTURE, 7)
    seen = await client.get(url, headers=owner)
    assert (seen.content, seen.headers["content-type"], seen.headers["etag"]) == (PICTURE.content, "image/jpeg", '"7"')
    assert seen.headers["cache-control"] == "no-store"
    same = await client.get(url, headers=owner | {"If-None-Match": '"7"'})
    assert (same.status_code, same.content) == (304, b"")
    await show(redis, job, Preview("ein Fuchs – rot".encode(), "text/plain"), 8)
    text = await client.get(url, headers=owner | {"If-None-Match": '"7"'})
    assert text.text == "ein Fuchs – rot"
    stranger = await client.get(url, headers=as_user(new_id()))
    unknown = await client.get(f"/api/jobs/{new_id()}/preview", headers=owner)
    assert stranger.status_code == unknown.status_code == 404
    assert stranger.json()["error"] == unknown.json()["error"] == "Job not found"


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_an_ended_job_shows_none(
    client: httpx2.AsyncClient, database: Database, redis: redis.asyncio.Redis, status: str
) -> None:
    job = await job_with(database, status)
    await show(redis, job, PICTURE, 7)  # one that somehow stayed
    reply = await client.get(f"/api/jobs/{job.id}/preview", headers=as_user(job.user_id))
    assert reply.status_code == 404


async def followed(http: httpx2.AsyncClient, job: Job, query: str = "") -> AsyncIterator[dict[str, Any]]:
    """The previews of a stream."""
    async with http.stream("GET", f"/api/jobs/{job.id}/stream{query}", headers=as_user(job.user_id)) as response:
        assert response.status_code == 200, await response.aread()
        following = Stream(response)
        while True:
            name, data, _ = await following.next()
            if name == "job_preview":
                yield data


async def test_streams_show_each_new_one_once(app: FastAPI, database: Database, redis: redis.asyncio.Redis) -> None:
    job = await job_with(database, "processing")
    await show(redis, job, PICTURE, 7)
    async with (
        served(app) as http,
        asyncio.timeout(20),
        aclosing(followed(http, job)) as previews,
        aclosing(followed(http, job, "?previews=inline")) as inline,
    ):
        first, picture = await anext(previews), await anext(inline)
        await poke(redis, f"emprops:{JOBS_CHANGED}", [str(job.id)])  # nothing new
        await show(redis, job, Preview(b"a red fox", "text/plain"), 9)
        second = await anext(previews)
    common = {"id": str(job.id), "step_id": "s"}
    pictured = common | {"seq": 7, "mime_type": "image/jpeg", "node": "12"}
    assert first == pictured | {"url": f"/api/jobs/{job.id}/preview?seq=7"}
    assert picture == pictured | {"data_url": f"data:image/jpeg;base64,{base64.b64encode(PICTURE.content).decode()}"}
    assert second == common | {"seq": 9, "mime_type": "text/plain", "text": "a red fox"}


async def test_a_job_that_does_not_run_streams_none(
    app: FastAPI, database: Database, redis: redis.asyncio.Redis
) -> None:
    job = await job_with(database, "completed")
    await show(redis, job, PICTURE, 7)
    async with (
        served(app) as http,
        http.stream("GET", f"/api/jobs/{job.id}/stream", headers=as_user(job.user_id)) as response,
    ):
        assert "job_preview" not in (await response.aread()).decode()
