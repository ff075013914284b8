"""``GET /jobs/{id}``: where a waiting job stands in the queue, and what keeps it there."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user
from tests.engines import Engines
from tests.factories import Job, make_job, make_step
from tests.queue.helpers import Worker, make_ticket, with_models

from emprops.jobs.dispatch_store import ready_steps
from emprops.jobs.place import HELD_BACK, sentence_of
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.orchestrator.tickets import ticket_of
from emprops.queue.dispatch import Queue
from emprops.queue.fleet import FleetMember, WorkerInfo
from emprops.queue.messages import Limits


async def a_waiting_job(database: Database, queue: Queue, *, steps: int = 1, **step: Any) -> tuple[Job, list[UUID]]:
    async with database.transaction() as tx:
        job = await make_job(tx, steps=steps)
        ids = [await make_step(tx, job, order=n, step_type="noop", **step) for n in range(1, steps + 1)]
        await queue.enqueue([ticket_of(one, Limits()) for one in await ready_steps(tx, ids)])
    return job, ids


async def place(client: httpx2.AsyncClient, job: Job) -> Any:
    response = await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))
    assert response.status_code == 200
    return response.json()["data"]["queue"]


@pytest.fixture
def queue(redis: redis.asyncio.Redis) -> Queue:
    return Queue(redis)


def join_fleet(engines: Engines, worker: Worker) -> None:
    client = redis.Redis(unix_socket_path=engines.redis_socket)
    with client:
        info = WorkerInfo(worker.name, "machine", "idle", worker.offers, concurrency=1)
        FleetMember(client, "emprops:").announce(info)


async def test_position_counts_what_goes_before(client: httpx2.AsyncClient, database: Database, queue: Queue) -> None:
    await queue.enqueue([make_ticket("older"), make_ticket("other kind", job_type="comfyui", priority=90)])
    first, _ = await a_waiting_job(database, queue)
    second, _ = await a_waiting_job(database, queue)
    assert (await place(client, first))["position"] == 3
    assert (await place(client, second))["position"] == 4


async def test_what_no_live_worker_has_is_named(
    client: httpx2.AsyncClient, database: Database, queue: Queue, redis: redis.asyncio.Redis, engines: Engines
) -> None:
    job, [step] = await a_waiting_job(database, queue)
    first = {"position": 1, "turns": 0, "own_before": 0, "retry_at": None}
    assert await place(client, job) == {
        **first,
        "blocked_by": ["no live worker"],
        "sentence": "No worker is running.",
    }
    async with database.transaction() as tx:
        await tx.execute("""UPDATE step SET requirements = '{"models": ["flux.safetensors"]}', run = 2""")
        await queue.enqueue([ticket_of(one, Limits()) for one in await ready_steps(tx, [step])])
    join_fleet(engines, Worker(redis, "poor", with_models("sd15.safetensors")))
    blocked = (await place(client, job))["blocked_by"]
    assert len(blocked) == 1
    assert "flux.safetensors" in blocked[0]
    join_fleet(engines, Worker(redis, "rich", with_models("flux.safetensors")))
    assert await place(client, job) == {
        **first,
        "blocked_by": [],
        "sentence": "It is next, as soon as a worker is free.",
    }


async def test_null_while_nothing_waits(
    client: httpx2.AsyncClient, database: Database, queue: Queue, redis: redis.asyncio.Redis
) -> None:
    job, [step] = await a_waiting_job(database, queue)
    await Worker(redis).claim_one()
    assert await place(client, job) is None, "a worker has it"
    async with database.transaction() as tx:
        await tx.execute("UPDATE step SET status = 'processing' WHERE id = %s", (step,))
    assert await place(client, job) is None
    async with database.transaction() as tx:
        unsent = await make_job(tx)
        await make_step(tx, unsent)
    assert await place(client, unsent) is None, "its ticket is not in Redis yet"


async def test_null_when_the_job_has_ended(client: httpx2.AsyncClient, database: Database, queue: Queue) -> None:
    job, _ = await a_waiting_job(database, queue)
    async with database.transaction() as tx:
        await tx.execute("UPDATE job SET status = 'failed', completed_at = now()")
    assert await place(client, job) is None


async def test_the_first_step_that_waits_counts(
    client: httpx2.AsyncClient, database: Database, queue: Queue, redis: redis.asyncio.Redis
) -> None:
    job, [first, _] = await a_waiting_job(database, queue, steps=2)
    await Worker(redis).claim_one()
    async with database.transaction() as tx:
        await tx.execute("UPDATE step SET status = 'processing' WHERE id = %s", (first,))
    assert (await place(client, job))["position"] == 1


async def test_null_while_redis_is_away(
    app: FastAPI, client: httpx2.AsyncClient, database: Database, queue: Queue, engines: Engines
) -> None:
    job, _ = await a_waiting_job(database, queue)
    away = connect("unix:///nowhere/redis.sock")
    app.state.resources = type(app.state.resources)(
        **{name: getattr(app.state.resources, name) for name in app.state.resources.__slots__} | {"redis": away}
    )
    response = await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))
    await away.aclose()
    assert response.status_code == 200
    assert response.json()["data"]["status"] == "pending"
    assert response.json()["data"]["queue"] is None


async def test_lists_do_not_ask_the_queue(client: httpx2.AsyncClient, database: Database, queue: Queue) -> None:
    job, _ = await a_waiting_job(database, queue)
    [listed] = (await client.get("/api/jobs", headers=as_user(job.user_id))).json()["data"]
    assert "queue" not in listed


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"blocked_by": ["no live worker that is not paused"]}, "Every worker that can run it is paused."),
        ({"blocked_by": ["model a", "node B"]}, "No live worker can run it now: model a, node B."),
        ({"blocked_by": [HELD_BACK]}, "Your quota of running steps is used up: others of yours must end first."),
        ({"position": 7}, "It is number 7 in the queue."),
        (
            {"position": 7, "turns": 1, "own_before": 2},
            "It is number 7 in the queue, after the turn of 1 other user and 2 steps of yours.",
        ),
        ({"position": 3, "turns": 2}, "It is number 3 in the queue, after the turns of 2 other users."),
        ({"position": 2, "own_before": 1}, "It is number 2 in the queue, after 1 step of yours."),
        ({"retry_at": datetime(2026, 1, 10, 12, 0, 5, tzinfo=UTC)}, "It failed, and is tried again at 12:00:05 UTC."),
    ],
)
def test_it_says_why_for_people(place: dict[str, Any], sentence: str) -> None:
    usual = {"position": 1, "turns": 0, "own_before": 0, "blocked_by": [], "retry_at": None}
    assert sentence_of({**usual, **place}) == sentence
