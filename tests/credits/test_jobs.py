"""Credits of real jobs: started over HTTP, ended by the orchestrator from a worker's reports."""

import asyncio
from itertools import count
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user
from tests.credits.conftest import make_priced_collection
from tests.credits.invariants import broken
from tests.factories import Collection

from emprops.credits import service, store
from emprops.credits.amounts import MICROS
from emprops.credits.service import Terms
from emprops.credits.store import Account
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.queue.messages import Finished, Report, ReportKind
from emprops.settings import Settings

entry_ids = (f"{number}-0" for number in count(1))


@pytest.fixture
def orchestrator(app: FastAPI, poor: Settings, database: Database, redis: redis.asyncio.Redis) -> Orchestrator:
    return Orchestrator(database=database, redis=redis, dispatcher=app.state.dispatcher, settings=poor, consumer="test")


@pytest.fixture
async def collection(database: Database) -> Collection:
    async with database.transaction() as tx:
        return await make_priced_collection(tx, 3)


async def user_with(database: Database, credits: int) -> UUID:  # noqa: A002
    user_id = new_id()
    async with database.transaction() as tx:
        await service.grant(tx, user_id, credits * MICROS, reason="test", terms=Terms())
    return user_id


async def generate(client: httpx2.AsyncClient, user_id: UUID, collection: Collection) -> UUID:
    path = f"/api/collections/{collection.id}/generate"
    response = await client.post(path, json={"variables": {}}, headers=as_user(user_id))
    assert response.status_code == 200, response.text
    return UUID(response.json()["data"]["jobId"])


async def report(database: Database, job_id: UUID, kind: ReportKind) -> Report:
    """What a worker's first attempt at the job's step says."""
    async with database.reader() as reader:
        step_id = await reader.fetch_value("SELECT id FROM step WHERE job_id = %s", (job_id,))
    finished = {
        "completed": Finished(data={"text": "done"}),
        "failed": Finished(failure="final", error="the model is broken"),
    }.get(kind)
    return Report(next(entry_ids), kind, str(step_id), str(job_id), 1, 1, "worker", 0, finished=finished)


async def account(database: Database, user_id: UUID) -> Account | None:
    async with database.reader() as reader:
        assert not await broken(reader)
        return await store.account_of(reader, user_id)


@pytest.mark.parametrize(
    ("kind", "afterwards"),
    [
        ("started", Account(available=2 * MICROS, held=3 * MICROS)),
        ("completed", Account(available=2 * MICROS)),
        ("failed", Account(available=5 * MICROS)),
    ],
)
async def test_credits_move_with_what_the_worker_reports(
    database: Database,
    client: httpx2.AsyncClient,
    collection: Collection,
    orchestrator: Orchestrator,
    kind: ReportKind,
    afterwards: Account,
) -> None:
    user_id = await user_with(database, 5)
    job_id = await generate(client, user_id, collection)
    assert await account(database, user_id) == Account(available=2 * MICROS, held=3 * MICROS)
    news = await report(database, job_id, kind)
    for _ in range(2):  # a report that was not acknowledged is read again
        await orchestrator.process([news])
        assert await account(database, user_id) == afterwards


async def test_batches_and_starts_of_the_same_users_at_once(
    database: Database, client: httpx2.AsyncClient, collection: Collection, orchestrator: Orchestrator
) -> None:
    """Nobody waits in a circle: a deadlock would show as a failed batch or a 503."""
    users = [await user_with(database, 1000) for _ in range(3)]

    async def start_all() -> list[UUID]:
        return list(await asyncio.gather(*(generate(client, user_id, collection) for user_id in users * 4)))

    job_ids = await start_all()
    for _ in range(3):
        kinds: list[ReportKind] = ["completed", "failed"]
        news = [await report(database, job_id, kinds[at % 2]) for at, job_id in enumerate(job_ids)]
        half = len(news) // 2
        _, _, job_ids = await asyncio.gather(
            orchestrator.process(news[:half]), orchestrator.process(news[half:][::-1]), start_all()
        )
    # of each user's 12 ended jobs half have succeeded, and 4 more are open
    for user_id in users:
        left = 1000 - 6 * 3 - 4 * 3
        assert await account(database, user_id) == Account(available=left * MICROS, held=4 * 3 * MICROS)
