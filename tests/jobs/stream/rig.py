"""A job to which things happen, and clients that read its stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import orjson
import redis.asyncio
from tests.apps import as_user
from tests.factories import Job, add_history, make_job

from emprops.kit.database import Database
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED
from emprops.settings import Settings

Event = tuple[str, Any, int]
"""Name, data, id; -1 for an event that nobody resumes from."""


class Stream:
    """A client that reads one event at a time."""

    def __init__(self, response: httpx2.Response) -> None:
        self.lines = response.aiter_lines()
        self.log: list[Event] = []

    async def next(self) -> Event:
        """The next event. Raises StopAsyncIteration at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self.lines:
            if not line and "event" in fields:
                event = (
                    fields["event"],
                    orjson.loads(fields["data"]),
                    int(fields.get("id", "-1").removesuffix("-end")),
                )
                self.log.append(event)
                return event
            name, _, value = line.partition(": ")
            fields[name] = value
        raise StopAsyncIteration

    async def rest(self) -> list[Event]:
        """All events up to the end."""
        events = []
        while True:
            try:
                events.append(await self.next())
            except StopAsyncIteration:
                return events


@asynccontextmanager
async def stream(
    http: httpx2.AsyncClient, job: Job, last: int | str | None = None, path: str = "stream", query: str = ""
) -> AsyncIterator[Stream]:
    headers = as_user(job.user_id) | ({} if last is None else {"Last-Event-ID": str(last)})
    async with http.stream("GET", f"/api/jobs/{job.id}/{path}{query}", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


class Story:
    """What happens to one job, one committed change after the other."""

    def __init__(self, database: Database, client: redis.asyncio.Redis, settings: Settings) -> None:
        self.database, self.redis, self.channel = database, client, settings.queue_prefix + JOBS_CHANGED
        self.job: Job

    async def begin(self) -> Job:
        async with self.database.transaction() as tx:
            self.job = await make_job(tx, steps=2)
        return self.job

    async def tell(self, *messages: str, quietly: bool = False, **columns: Any) -> None:
        """Commit new columns and history rows together, and poke."""
        async with self.database.transaction() as tx:
            for message in messages:
                await add_history(tx, self.job.id, message, status=columns.get("status", "processing"))
            if columns:
                changes = ", ".join(f"{name} = %s" for name in columns)
                ended = ", completed_at = now()" if columns.get("status") in ("completed", "failed") else ""
                await tx.execute(
                    f"UPDATE job SET {changes}{ended}, updated_at = now() WHERE id = %s",
                    (*columns.values(), self.job.id),
                )
        if not quietly:
            await poke(self.redis, self.channel, [str(self.job.id)])


def names(events: list[Event]) -> list[str]:
    return [name for name, _, _ in events]


def history_of(events: list[Event]) -> list[tuple[int, str]]:
    """Rows in the order in which the events showed them."""
    rows = []
    for name, data, _ in events:
        rows += data if name == "history_init" else [data] if name == "job_history" else []
    return [(int(row["id"]), row["message"]) for row in rows]


async def run_to_the_end(http: httpx2.AsyncClient, story: Story) -> list[Event]:
    """A whole job, followed from its beginning; the log of the client."""
    async with stream(http, story.job) as following:
        assert names([await following.next(), await following.next()]) == ["history_init", "job_update"]
        await story.tell("Step 1 started", status="processing", progress=0, current_step=1)
        assert names([await following.next(), await following.next()]) == ["job_history", "job_update"]
        await story.tell(progress=30)
        assert names([await following.next()]) == ["job_update"]
        await story.tell("Step 1 completed", "Step 2 started", progress=50, current_step=2)
        assert names([await following.next() for _ in range(3)]) == ["job_history", "job_history", "job_update"]
        await story.tell("Generation completed", status="completed", progress=100, workflow_output="http://x/a.png")
        await following.rest()
    return following.log


async def until(fact: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not fact():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def begun(http: httpx2.AsyncClient, stories: Sequence[Story]) -> AsyncIterator[list[Stream]]:
    """Streams of these jobs that have shown how they begin."""
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(stream(http, story.job)) for story in stories]
        for one in streams:
            assert names([await one.next(), await one.next()]) == ["history_init", "job_update"]
        yield streams
