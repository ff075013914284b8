"""Jobs as server-sent events, over real HTTP: order, resuming, ends, and what a stream does not hold on to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, as_user, served
from tests.factories import Job, add_history, make_job

from emprops.jobs.schemas import HistoryRow, JobView
from emprops.jobs.stream import row_id_of
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.pubsub import poke
from emprops.queue.keys import JOBS_CHANGED
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(30)
Event = tuple[str, Any, int]
"""Name, data, id; -1 for an event that nobody resumes from."""


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


@pytest.fixture
async def story(database: Database, redis: redis.asyncio.Redis, settings: Settings) -> Story:
    story = Story(database, redis, settings)
    await story.begin()
    return story


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


async def test_events_come_in_the_order_of_what_happened(http: httpx2.AsyncClient, story: Story) -> None:
    log = await run_to_the_end(http, story)
    assert names(log) == [
        "history_init",
        "job_update",
        "job_history",
        "job_update",
        "job_update",
        "job_history",
        "job_history",
        "job_update",
        "job_history",
        "job_update",
    ]
    assert [row["message"] for row in log[0][1]] == ["Job created"]
    assert [message for _, message in history_of(log)] == [
        "Job created",
        "Step 1 started",
        "Step 1 completed",
        "Step 2 started",
        "Generation completed",
    ]
    updates = [data for name, data, _ in log if name == "job_update"]
    assert [(job["status"], job["progress"]) for job in updates] == [
        ("pending", 0),
        ("processing", 0),
        ("processing", 30),
        ("processing", 50),
        ("completed", 100),
    ]
    ids = [event_id for _, _, event_id in log]
    assert ids == sorted(ids)
    assert [event_id for name, _, event_id in log if name == "job_history"] == [row for row, _ in history_of(log)][1:]
    for name, data, _ in log:
        if name == "job_update":
            JobView.model_validate(data)
        for row in data if name == "history_init" else [data] if name == "job_history" else []:
            HistoryRow.model_validate(row)


async def test_snapshot_is_the_object_that_get_gives(http: httpx2.AsyncClient, story: Story) -> None:
    await story.tell("Step 1 started", status="processing", progress=12.5)
    async with stream(http, story.job) as following:
        await following.next()
        _, snapshot, _ = await following.next()
    reply = await http.get(f"/api/jobs/{story.job.id}", headers=as_user(story.job.user_id))
    assert snapshot | {"queue": None} == reply.json()["data"]


async def test_resuming_anywhere_misses_nothing_and_repeats_nothing(http: httpx2.AsyncClient, story: Story) -> None:
    log = await run_to_the_end(http, story)
    for cut in range(1, len(log) + 1):
        seen = log[:cut]
        async with stream(http, story.job, last=seen[-1][2]) as following:
            missed = await following.rest()
        assert history_of(seen + missed) == history_of(log)
        assert "history_init" not in names(missed)
        assert names(missed)[-1] == "job_update"
        assert names(missed).count("job_update") == 1
        assert missed[-1][1] == log[-1][1]
        ids = [event_id for _, _, event_id in seen + missed]
        assert ids == sorted(ids)


async def test_resuming_in_the_middle_goes_on_live(http: httpx2.AsyncClient, story: Story) -> None:
    async with stream(http, story.job) as following:
        await following.next()
        _, _, last = await following.next()
    await story.tell("Step 1 started", status="processing", progress=10)
    async with stream(http, story.job, path="events", query=f"?last_event_id={last}") as following:
        assert names([await following.next(), await following.next()]) == ["job_history", "job_update"]
        await story.tell("no model", status="failed", error_message="no model")
        rest = await following.rest()
    assert names(rest) == ["job_history", "job_update"]
    assert rest[-1][1]["error_message"] == "no model"


async def test_header_counts_before_the_query(http: httpx2.AsyncClient, story: Story) -> None:
    await story.tell("Step 1 started", "done", status="completed", progress=100)
    async with stream(http, story.job) as following:
        (_, rows, _), _ = await following.rest()
    query = f"?last_event_id={rows[0]['id']}"
    async with stream(http, story.job, last=rows[1]["id"], query=query) as following:
        assert [message for _, message in history_of(await following.rest())] == ["done"]
    async with stream(http, story.job, query=query) as following:
        assert [message for _, message in history_of(await following.rest())] == ["Step 1 started", "done"]


async def test_made_up_ids_start_from_the_beginning(http: httpx2.AsyncClient, story: Story, database: Database) -> None:
    async with database.transaction() as tx:
        before = await add_history(tx, (await make_job(tx)).id, "of another job")
    await story.tell("done", status="completed", progress=100)
    async with database.transaction() as tx:
        after = await add_history(tx, (await make_job(tx)).id, "of another job")
    for last in (before, after, after + 1000, 0, -1, "x", "1e3", "9" * 30, "", "null"):
        async with stream(http, story.job, last=last) as following:
            events = await following.rest()
        assert names(events) == ["history_init", "job_update"], last
        assert [message for _, message in history_of(events)] == ["Job created", "done"]


@pytest.mark.parametrize(
    ("header", "row"),
    [(None, None), ("", None), (" 7 ", 7), ("0", 0), ("-1", None), ("7.0", None), ("٣", None), ("9" * 19, None)],
)
def test_row_id_is_digits_that_fit(header: str | None, row: int | None) -> None:
    assert row_id_of(header) == row


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_ended_job_gives_its_past_and_closes(http: httpx2.AsyncClient, story: Story, status: str) -> None:
    await story.tell("over", status=status, progress=60)
    async with stream(http, story.job) as following:
        events = await following.rest()
    assert names(events) == ["history_init", "job_update"]
    assert events[1][1]["status"] == status


async def test_retry_starts_progress_anew_but_within_a_run_it_never_falls(
    http: httpx2.AsyncClient, story: Story
) -> None:
    async with stream(http, story.job) as following:
        await following.next(), await following.next()
        await story.tell(status="processing", progress=60)
        await following.next()
        await story.tell("Step 2 started", progress=40, current_step=2)  # no writer lets progress fall
        await following.next(), await following.next()
        await story.tell("Retry 1", status="pending", progress=0, retry_count=1)
        await following.next(), await following.next()
        await story.tell("Step 1 started", status="processing", progress=5)
        await following.next(), await following.next()
    progress = [(data["retry_count"], data["progress"]) for name, data, _ in following.log if name == "job_update"]
    assert progress == [(0, 0), (0, 60), (0, 60), (1, 0), (1, 5)]


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


async def test_quiet_stream_beats_its_heart_with_the_comment_of_the_spec(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, story: Story
) -> None:
    lively = settings.model_copy(update={"stream_heartbeat": 0.05})
    async with api(lively, database, redis, tmp_path) as app, served(app) as http, stream(http, story.job) as following:
        await following.next(), await following.next()
        lines = [await anext(following.lines) for _ in range(4)]
    assert lines == [":heartbeat", "", ":heartbeat", ""]


async def test_more_history_than_one_look_holds(http: httpx2.AsyncClient, story: Story) -> None:
    async with stream(http, story.job) as following:
        (_, _, first) = await following.next()
        await following.next()
        messages = [f"line {n}" for n in range(1100)]
        await story.tell(*messages, "done", status="completed", progress=100)
        events = await following.rest()
    assert [message for _, message in history_of(events)] == [*messages, "done"]
    assert names(events)[-1] == "job_update"
    async with stream(http, story.job) as following:
        events = await following.rest()
    assert [message for _, message in history_of(events)] == [*messages, "done"][-1000:]
    assert [data["status"] for name, data, _ in events if name == "job_update"] == ["completed"]
    async with stream(http, story.job, last=first) as following:
        assert len(history_of(await following.rest())) == 1101


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
