"""How waits end, and what they hold on to: no end of a job is missed, and nothing is left behind."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from redis.exceptions import RedisError
from tests.apps import as_user, served
from tests.orchestrator.rig import Rig, picture
from tests.orchestrator.waiting.rig import LONG, STARTED, both_of, collection, generate, ticket_is_there, until

from emprops.jobs import endpoints as job_endpoints
from emprops.jobs import queries, waiting
from emprops.jobs.ends import Ends
from emprops.orchestrator import tickets
from emprops.queue.keys import ENDED

pytestmark = pytest.mark.timeout(30)


async def test_the_end_that_comes_before_the_wait_begins_is_not_missed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the commit, when nothing waits yet, and is over with when something does."""
    wait, run = waiting.end_within, 0

    async def ends_first(*arguments: Any) -> Any:
        nonlocal run
        run += 1
        await rig.dispatcher.flush()
        await rig.run(picture())
        ended = [f"{ENDED}:{row['id']}" for row in await rig.rows("SELECT id FROM job")]
        rig.app.state.resources.pokes.deliver(ended)
        return await wait(*arguments)

    monkeypatch.setattr(waiting, "end_within", ends_first)
    data = (await generate(rig, await collection(rig), **LONG)).json()["data"]
    assert (run, data["status"]) == (1, "completed")


async def test_the_end_that_comes_between_read_and_wait_is_not_missed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await rig.start()
    wait = job_endpoints.end_within

    async def ends_first(*arguments: Any) -> Any:
        await rig.run(picture())
        rig.app.state.resources.pokes.deliver([f"{ENDED}:{job_id}"])
        return await wait(*arguments)

    monkeypatch.setattr(job_endpoints, "end_within", ends_first)
    response = await rig.client.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(rig.user_id))
    assert response.json()["data"]["status"] == "completed"


async def test_an_end_is_read_with_the_commit_in_which_it_comes(
    rig: Rig, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that brings it about: it needs no poke."""

    async def no_poke(*_: Any) -> None:
        raise RedisError

    monkeypatch.setattr(tickets, "poke", no_poke)
    rig.dispatcher.ends = ends
    assert rig.dispatcher.here is None

    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(picture())

    data = (await both_of(generate(rig, await collection(rig), **LONG), work())).json()["data"]
    assert data["status"] == "completed"
    assert data["workflow_output"]


async def test_a_job_is_read_once_when_it_has_ended(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    ended, detail_of = queries.ended, queries.detail_of

    async def counted(*arguments: Any) -> Any:
        found = await ended(*arguments)
        read.append(len(found))
        return found

    async def counted_too(*arguments: Any) -> Any:
        read.append(1)
        return await detail_of(*arguments)

    monkeypatch.setattr(queries, "ended", counted)
    monkeypatch.setattr(queries, "detail_of", counted_too)

    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(picture())

    data = (await both_of(generate(rig, await collection(rig), **LONG), work())).json()["data"]
    assert data["status"] == "completed"
    assert read == [1], "what began or goes on is no reason to look"


async def test_an_end_in_this_process_is_heard_of_without_redis(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_arguments: Any) -> None:
        raise RedisError("away")

    monkeypatch.setattr(tickets, "poke", away)
    rig.dispatcher.here = rig.app.state.resources.pokes

    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(picture())

    response = await both_of(generate(rig, await collection(rig), **LONG), work())
    assert response.json()["data"]["status"] == "completed"


async def test_a_user_may_have_so_many_waits(rig: Rig, http: httpx2.AsyncClient, ends: Ends) -> None:
    job_id, recipe = await rig.start(), await collection(rig)
    path, mine = f"/api/jobs/{job_id}?wait=60", as_user(rig.user_id)
    waits = [asyncio.ensure_future(http.get(path, headers=mine)) for _ in range(2)]
    await until(lambda: ends.waiting == 2)
    refused = [await http.get(path, headers=mine), await generate(rig, recipe, "?wait=60", http)]
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (429, "too_many_requests")
        assert response.json()["error"] == "You have 2 requests waiting for jobs; let one end, or ask without `wait`."
        assert response.headers["Retry-After"] == "1"
    assert len(await rig.rows("SELECT FROM job")) == 1
    assert (await http.get(f"/api/jobs/{job_id}", headers=mine)).status_code == 200
    other = asyncio.ensure_future(http.get(path, headers=rig.service))
    await until(lambda: ends.waiting == 3)
    await rig.run(picture())
    assert {(await wait).json()["data"]["status"] for wait in (*waits, other)} == {"completed"}
    assert (ends.waiting, ends._expected) == (0, {})


async def test_waits_hold_no_connection(rig: Rig, http: httpx2.AsyncClient, ends: Ends) -> None:
    job_id = await rig.start()
    path, mine = f"/api/jobs/{job_id}?wait=60", as_user(rig.user_id)
    waits = [asyncio.ensure_future(http.get(path, headers=mine))]
    waits.append(asyncio.ensure_future(generate(rig, await collection(rig), "?wait=60", http)))
    await until(lambda: len(ends._expected) == 2 and rig.dispatcher._waiting)
    pool = rig.database.pool
    await until(lambda: pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"])
    assert not any(wait.done() for wait in waits)
    for wait in waits:
        wait.cancel()
    await until(lambda: not ends.waiting)


async def test_a_client_that_leaves_ends_its_wait(rig: Rig, http: httpx2.AsyncClient, ends: Ends) -> None:
    job_id = await rig.start()
    waits = [
        asyncio.ensure_future(http.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(rig.user_id))),
        asyncio.ensure_future(generate(rig, await collection(rig), "?wait=60", http)),
    ]
    await until(lambda: len(ends._expected) == 2)
    for wait in waits:
        wait.cancel()
    await until(lambda: not ends.waiting)
    assert not ends._expected


async def test_a_server_that_stops_answers_at_once(rig: Rig, ends: Ends) -> None:
    job_id, recipe = await rig.start(), await collection(rig)
    async with AsyncExitStack() as server:
        base = (await server.enter_async_context(served(rig.app))).base_url
        async with httpx2.AsyncClient(base_url=base, trust_env=False) as client:
            poll = asyncio.ensure_future(client.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(rig.user_id)))
            start = asyncio.ensure_future(generate(rig, recipe, "?wait=60", client))
            await until(lambda: len(ends._expected) == 2)
            await server.aclose()
            assert (await poll).json()["data"]["status"] == "pending"
            assert (await start).json()["data"].keys() == STARTED


async def test_an_end_of_which_nothing_was_heard_is_found(rig: Rig, ends: Ends) -> None:
    job_id = await rig.start()

    async def work() -> None:
        await until(lambda: ends._expected)
        await rig.execute("UPDATE job SET status = 'failed', completed_at = now() WHERE id = %s", job_id)
        ends._overhear(None)  # as when the connection to Redis has come back

    response = await both_of(rig.client.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(rig.user_id)), work())
    assert response.json()["data"]["status"] == "failed"
