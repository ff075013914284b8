"""What all streams of a process share: their looks, their order, and what bounds those who do not read."""

import asyncio
import gc
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api, as_user, served
from tests.jobs.stream.rig import Event, Story, Stream, begun, history_of, names, stream, until
from tests.kit.streaming import Deaf, port_of

from emprops.auth.file_links import FileLinks
from emprops.jobs import lookout
from emprops.jobs.lookout import Lookout
from emprops.jobs.stream_queries import Look
from emprops.kit.database import Database, Transaction
from emprops.kit.pubsub import Pokes, poke
from emprops.kit.tasks import stop_tasks
from emprops.kit.web.streams import ENOUGH
from emprops.media.result_links import ResultLinks
from emprops.queue.keys import JOBS_CHANGED
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(60)


async def heard(streams: Sequence[Stream], stories: Sequence[Story]) -> None:
    """Wait until pokes are heard: until then each connection to Redis has everything asked about."""
    for story in stories:
        await story.tell(status="processing", progress=1)
    for one in streams:
        assert names([await one.next()]) == ["job_update"]


# --- shared looks


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[UUID, int]]]:
    """What each look asks for, from here on."""
    found: list[list[tuple[UUID, int]]] = []
    looks = lookout.looks

    async def noted(reader: Transaction, jobs: Sequence[tuple[UUID, int]], limit: int, **options: Any) -> list[Look]:
        found.append(list(jobs))
        return await looks(reader, jobs, limit, **options)

    monkeypatch.setattr(lookout, "looks", noted)
    return found


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """Which jobs each check asks about, from here on."""
    found: list[list[UUID]] = []
    moved = lookout.moved

    async def noted(reader: Transaction, seen: Sequence[tuple[UUID, Any, int]]) -> list[UUID]:
        found.append([job_id for job_id, _, _ in seen])
        return await moved(reader, seen)

    monkeypatch.setattr(lookout, "moved", noted)
    return found


async def test_streams_of_one_job_share_a_read(
    http: httpx2.AsyncClient, story: Story, asked: list[list[tuple[UUID, int]]]
) -> None:
    async with begun(http, [story] * 5) as streams:
        await heard(streams, [story])
        asked.clear()
        await story.tell("Step 1 started", status="processing", progress=2)
        events = [[await one.next(), await one.next()] for one in streams]
    assert all(names(one) == ["job_history", "job_update"] for one in events)
    assert all(one == events[0] for one in events)
    assert [len(jobs) for jobs in asked] == [1]


async def test_jobs_that_change_together_share_a_statement(
    http: httpx2.AsyncClient, stories: list[Story], asked: list[list[tuple[UUID, int]]]
) -> None:
    async with begun(http, stories) as streams:
        await heard(streams, stories)
        asked.clear()
        for story in stories:
            await story.tell("Step 1 started", quietly=True)
        await poke(stories[0].redis, stories[0].channel, [str(story.job.id) for story in stories])
        for one in streams:
            assert names([await one.next()]) == ["job_history"]
    assert [len(jobs) for jobs in asked] == [3]


async def test_only_the_job_that_changed_is_read(
    http: httpx2.AsyncClient, stories: list[Story], asked: list[list[tuple[UUID, int]]]
) -> None:
    async with begun(http, stories) as streams:
        await heard(streams, stories)
        asked.clear()
        await stories[1].tell("Step 1 started")
        assert names([await streams[1].next()]) == ["job_history"]
    assert [[job_id for job_id, _ in jobs] for jobs in asked] == [[stories[1].job.id]]


async def test_what_changes_without_a_poke_is_found_with_one_question_for_all(
    settings: Settings,
    database: Database,
    redis: redis.asyncio.Redis,
    tmp_path: Path,
    stories: list[Story],
    asked: list[list[tuple[UUID, int]]],
    checked: list[list[UUID]],
) -> None:
    impatient = settings.model_copy(update={"stream_poll": 0.05})
    async with (
        api(impatient, database, redis, tmp_path) as app,
        served(app) as http,
        begun(http, [*stories, *stories]) as streams,
    ):
        asked.clear()
        checked.clear()
        await until(lambda: len(checked) > 3)
        assert asked == []
        assert all(sorted(jobs) == sorted(story.job.id for story in stories) for jobs in checked)
        await stories[2].tell("Step 1 started", quietly=True)
        assert names([await streams[2].next(), await streams[5].next()]) == ["job_history"] * 2
        await stories[2].tell(progress=5, quietly=True)
        assert names([await streams[2].next(), await streams[5].next()]) == ["job_update"] * 2
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM job WHERE id = %s", (stories[0].job.id,))
        assert await streams[0].rest() == await streams[3].rest() == []
    assert {job_id for jobs in asked for job_id, _ in jobs} == {stories[0].job.id, stories[2].job.id}


async def test_pokes_without_end_keep_no_change_from_being_found(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, stories: list[Story]
) -> None:
    impatient = settings.model_copy(update={"stream_poll": 0.05})

    async def poke_for_ever(looking: Lookout) -> None:
        while True:
            looking._overhear([str(stories[0].job.id)])
            await asyncio.sleep(0)

    async with api(impatient, database, redis, tmp_path) as app, served(app) as http, begun(http, stories) as streams:
        poking = asyncio.create_task(poke_for_ever(app.state.lookout))
        for message in ("Step 1 started", "Step 1 completed", "Step 2 started"):
            await stories[1].tell(message, quietly=True)
            assert names([await streams[1].next()]) == ["job_history"]
        await stop_tasks([poking])


# --- order, for whoever comes when


async def test_a_stream_that_is_poked_while_it_begins_gets_nothing_twice(
    app: FastAPI, http: httpx2.AsyncClient, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once during its first look, and once after that, with news: the next look is one for it."""
    looking, looks, moved = app.state.lookout, lookout.looks, lookout.moved
    first = iter([[str(story.job.id)]])

    async def poked(*arguments: Any, **options: Any) -> list[Look]:
        looking._overhear(next(first, []))
        return await looks(*arguments, **options)

    async def poked_again(*arguments: Any) -> list[UUID]:
        found = await moved(*arguments)
        await story.tell("Step 1 started", quietly=True)
        looking._overhear([str(story.job.id)])
        return found

    monkeypatch.setattr(lookout, "looks", poked)
    monkeypatch.setattr(lookout, "moved", poked_again)
    async with stream(http, story.job) as following:
        log = [await following.next() for _ in range(3)]
        await story.tell("done", status="completed", progress=100)
        log += await following.rest()
    assert [message for _, message in history_of(log)] == ["Job created", "Step 1 started", "done"]


async def test_whoever_comes_when_misses_nothing(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, stories: list[Story]
) -> None:
    """Jobs change while clients come, leave and come back, and every third poke is lost."""
    impatient = settings.model_copy(update={"stream_poll": 0.2, "stream_limit_per_user": 100})
    chance = random.Random(7)
    changes = 40

    async def live(story: Story) -> None:
        for n in range(changes):
            await story.tell(f"line {n}", status="processing", progress=n, quietly=n % 3 == 0)
            await asyncio.sleep(chance.choice((0, 0, 0.005, 0.02)))
        await story.tell("done", status="completed", progress=100)

    async def follow(http: httpx2.AsyncClient, story: Story) -> list[Event]:
        """Read the whole stream, with pauses in which nobody is connected."""
        log: list[Event] = []
        while not log or log[-1][1].get("status") != "completed" or log[-1][0] != "job_update":
            await asyncio.sleep(chance.uniform(0, 0.2))
            last = next((event_id for _, _, event_id in reversed(log) if event_id >= 0), None)
            async with stream(http, story.job, last=last) as following:
                for _ in range(chance.randint(5, 40)):
                    try:
                        log.append(await following.next())
                    except StopAsyncIteration:
                        break
        return log

    async with api(impatient, database, redis, tmp_path) as app, served(app) as http, asyncio.timeout(45):
        lives = asyncio.gather(*map(live, stories))
        logs = await asyncio.gather(*(follow(http, story) for story in stories for _ in range(4)))
        await lives
        await until(lambda: not app.state.resources.streams.open)
        assert app.state.lookout._jobs == {}
    for log in logs:
        rows = history_of(log)
        assert [message for _, message in rows] == ["Job created", *(f"line {n}" for n in range(changes)), "done"]
        assert [row for row, _ in rows] == sorted({row for row, _ in rows})
        progress = [data["progress"] for name, data, _ in log if name == "job_update"]
        assert progress == sorted(progress)
        assert progress[-1] == 100


# --- clients that do not read


async def test_a_client_that_does_not_read_holds_little_and_misses_nothing(
    app: FastAPI, http: httpx2.AsyncClient, story: Story
) -> None:
    """What it has not read is not kept for it, but read again when it goes on."""
    [[name, value]] = as_user(story.job.user_id).items()
    request = f"GET /api/jobs/{story.job.id}/stream HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\n\r\n"
    deaf = Deaf(port_of(http), request.encode())
    content = await deaf.read(b"event: job_update")
    [following] = app.state.resources.streams._open
    lines: list[str] = []
    largest = 0

    async def tell_more() -> None:
        more = [f"{n} " + "x" * 100_000 for n in range(len(lines), len(lines) + 5)]
        await story.tell(*more, status="processing", progress=len(lines) / 10)
        lines.extend(more)

    while following.ready:  # until all the system's buffers are full
        await tell_more()
        largest = max(largest, following._transport.get_write_buffer_size())
    for _ in range(5):  # and then some that only PostgreSQL has
        await tell_more()
    await story.tell("done", status="completed", progress=100)
    assert ENOUGH < max(largest, following._transport.get_write_buffer_size()) < ENOUGH + 110_000
    content += await deaf.read()
    deaf.socket.close()
    text = content.decode()
    assert [text.count(f'"message":"{n} xxx') for n in range(len(lines))] == [1] * len(lines)
    assert text.index('"message":"done"') < text.rindex('"status":"completed"')
    assert content.endswith(b"\r\n0\r\n\r\n")


async def test_one_that_is_stopped_before_it_began_leaves_nothing_behind(
    database: Database, settings: Settings
) -> None:
    async def nothing(_job_id: UUID, _after: int) -> None:
        return None

    async def silence(_job_id: UUID) -> str:
        return ""

    pokes = Pokes(settings.redis_url, settings.queue_prefix + JOBS_CHANGED)
    results = ResultLinks(settings, FileLinks(settings))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with Lookout(database, pokes, nothing, silence, results=results, poll=1.0):
            pass
        gc.collect()
    assert caught == []
