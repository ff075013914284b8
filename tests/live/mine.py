"""Clients that follow all jobs of a user, and what happens to these."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
from tests.apps import as_user
from tests.live.scene import PATIENCE, Message, Scene, Socket

from emprops.jobs.mine.follow import MyJobs
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED, KEYS


@asynccontextmanager
async def mine(scene: Scene, user_id: UUID | None = None, **fields: Any) -> AsyncIterator[tuple[Socket, Message]]:
    async with scene.page(user_id) as page:
        yield page, await page.ask("subscribe_mine", "mine_subscribed", **fields)


async def told(page: Socket, job_id: UUID, **fields: Any) -> Message:
    """Read up to a message that shows this job so."""
    while True:
        message = await page.until("my_job")
        job = message["job"]
        if job["id"] == str(job_id) and all(job[name] == value for name, value in fields.items()):
            return message


async def poked(scene: Scene, *job_ids: UUID) -> None:
    await poke(scene.redis, scene.settings.queue_prefix + JOBS_CHANGED, [str(one) for one in job_ids])


async def show(scene: Scene, job_id: UUID, seq: int) -> None:
    """Show a preview, as a worker's heartbeat does."""
    shown: dict[str, Any] = {"seq": seq, "step": "s", "type": "image/jpeg", "node": "12", "content": b"\xff\xd8"}
    await scene.redis.hset(f"{scene.settings.queue_prefix}{KEYS.preview}{job_id}", mapping=shown)  # type: ignore[misc]
    await poked(scene, job_id)


def my_jobs(scene: Scene) -> MyJobs:
    found: MyJobs = scene.app.state.my_jobs
    return found


class Events:
    """A client that reads one event at a time."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self.lines = lines

    async def next(self) -> tuple[str, Any, str | None]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self.lines:
                if not line and "event" in fields:
                    return fields["event"], orjson.loads(fields["data"]), fields.get("id")
                name, _, value = line.partition(": ")
                fields[name] = value
        raise StopAsyncIteration

    async def until(self, job_id: UUID, status: str) -> tuple[Any, str | None]:
        while True:
            kind, data, cursor = await self.next()
            if kind == "my_job" and (data["job"]["id"], data["job"]["status"]) == (str(job_id), status):
                return data, cursor


@asynccontextmanager
async def streamed(scene: Scene, query: str = "", **headers: str) -> AsyncIterator[Events]:
    who = {} if "ticket" in query else as_user(scene.user_id)
    async with scene.client.stream("GET", f"/api/jobs/stream{query}", headers=who | headers) as response:
        assert response.status_code == 200, await response.aread()
        yield Events(response.aiter_lines())
