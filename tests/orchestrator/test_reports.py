"""The orchestrator with reports that cannot be recorded, and through an outage of PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis.asyncio
from tests import factories
from tests.engines import Engines
from tests.queue.helpers import nested

from emprops.jobs import dispatch_store
from emprops.jobs import store as jobs
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.queue.matching import Offer
from emprops.queue.messages import Finished, StoredFile
from emprops.queue.transport import Settled
from emprops.queue.worker_link import WorkerLink
from emprops.settings import Settings

OFFERS = {"local_image": Offer()}


@pytest.fixture
async def orchestrator(
    settings: Settings,
    database: Database,
    redis: redis.asyncio.Redis,  # empties Redis first
) -> AsyncIterator[Orchestrator]:
    client = connect(settings.redis_url)  # the api's own kind: it hears of cancellation on every Python
    queue = Queue(client, prefix=settings.queue_prefix)
    dispatcher = Dispatcher(database, queue, settings)
    yield Orchestrator(database=database, redis=client, dispatcher=dispatcher, settings=settings, consumer="test")
    await client.aclose()


async def finish_step(orchestrator: Orchestrator, finished: Finished) -> UUID:
    """A job of one step, run by a worker that tells this end; its reports wait in the stream."""
    async with orchestrator.database.transaction() as tx:
        job = await factories.make_job(tx)
        step_id = await factories.make_step(tx, job, input_data={"prompt": "x"})
    async with orchestrator.database.reader() as reader:
        await orchestrator.dispatcher.send(await dispatch_store.ready_steps(reader, [step_id]))
    link = WorkerLink(orchestrator.dispatcher.queue.redis, prefix=orchestrator.settings.queue_prefix, worker_id="w")
    claim = (await link.turn([], 1, OFFERS)).claims[0]
    await link.turn([Settled(claim, finished)], 0, OFFERS)
    return job.id


async def job_row(database: Database, job_id: UUID) -> dict[str, Any]:
    async with database.reader() as reader:
        return (await reader.fetch_dicts("SELECT status, error_message FROM job WHERE id = %s", (job_id,)))[0]


async def read_all(orchestrator: Orchestrator) -> None:
    await orchestrator.stream.ensure_group()
    await orchestrator.process(await orchestrator.stream.read(block=0.01))


async def test_a_result_that_cannot_be_recorded_fails_its_job_only(orchestrator: Orchestrator) -> None:
    odd = StoredFile(key="generations/a\x00.png", mime_type="image/png", size=1, sha256="")  # text takes no NUL
    bad = await finish_step(orchestrator, Finished(files=(odd,)))
    good = await finish_step(orchestrator, Finished(data={"text": "fine"}))
    await read_all(orchestrator)
    row = await job_row(orchestrator.database, bad)
    assert row["status"] == "failed"
    sentence = f"The result could not be recorded; the operator finds the reason in the api's log under {bad}."
    assert row["error_message"] == sentence
    assert (await job_row(orchestrator.database, good))["status"] == "completed"
    assert await orchestrator.dispatcher.queue.redis.xlen("emprops:reports") == 0


PICTURE = StoredFile(key="generations/a.png", mime_type="image/png", size=1, sha256="")
ODD = replace(PICTURE, name="a\0.png", node="\0", width=2**40, height=-1, duration=1e300, mime_type="image/png\0")


@pytest.mark.parametrize(
    ("finished", "recorded"),
    [
        (Finished(data={"te\0xt": ["a\0b"]}), {"te�xt": ["a�b"]}),
        (Finished(files=(ODD,), data={"n": 1}), {"n": 1}),
        (Finished(data=nested(64)), nested(64)),
        (Finished(data=nested(200)), {"omitted": "The result's data are nested deeper than 64 levels."}),
    ],
)
async def test_what_a_worker_of_another_version_reports_is_recorded(
    orchestrator: Orchestrator, finished: Finished, recorded: Any
) -> None:
    job_id = await finish_step(orchestrator, finished)
    await read_all(orchestrator)
    assert (await job_row(orchestrator.database, job_id))["status"] == "completed"
    async with orchestrator.database.reader() as reader:
        (step,) = await reader.fetch_dicts("SELECT output_data FROM step WHERE job_id = %s", (job_id,))
        files = await reader.fetch_dicts(
            "SELECT name, width, height, duration, mime_type, gen_out_data FROM flat_file WHERE job_id = %s", (job_id,)
        )
    assert step["output_data"]["data"] == recorded
    none = {"width": None, "height": None, "duration": None, "mime_type": "application/octet-stream"}
    assert files == ([{"name": "a�.png", "gen_out_data": {"node": "�"}, **none}] if finished.files else [])


async def test_reasons_of_a_worker_of_another_version_are_recorded(orchestrator: Orchestrator) -> None:
    job_id = await finish_step(orchestrator, Finished(failure="final", error="re\0fused", details={"no\0de": "7\0"}))
    await read_all(orchestrator)
    row = await job_row(orchestrator.database, job_id)
    assert row["status"] == "failed"
    assert "re�fused" in row["error_message"]
    async with orchestrator.database.reader() as reader:
        history = await reader.fetch_dicts("SELECT data FROM job_history WHERE job_id = %s", (job_id,))
    assert {"no�de": "7�"} in [entry["data"] for entry in history]


async def test_a_success_without_a_result_is_a_failure(orchestrator: Orchestrator) -> None:
    job_id = await finish_step(orchestrator, Finished())
    await read_all(orchestrator)
    row = await job_row(orchestrator.database, job_id)
    assert (row["status"], "success without a result" in row["error_message"]) == ("failed", True)


async def test_an_error_of_ours_fails_one_job_and_not_the_batch(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = await finish_step(orchestrator, Finished(data={"text": "odd"}))
    good = await finish_step(orchestrator, Finished(data={"text": "fine"}))
    original = jobs.save

    async def save(tx: Any, steps: Any, moves: Any, history: Any) -> None:
        if any(step.job_id == odd for step in steps):
            raise KeyError("odd")
        await original(tx, steps, moves, history)

    monkeypatch.setattr(jobs, "save", save)
    await read_all(orchestrator)
    assert (await job_row(orchestrator.database, odd))["status"] == "failed"
    assert (await job_row(orchestrator.database, good))["status"] == "completed"


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{sqlstate}'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON step FOR EACH ROW WHEN (OLD.job_id = '{job_id}') EXECUTE FUNCTION refuse();
"""


@pytest.fixture
async def refusals(database: Database) -> AsyncIterator[str]:
    """The template of a trigger that refuses a job's steps; removed when the test ends."""
    yield REFUSE
    async with database.transaction() as tx:
        await tx.execute("DROP FUNCTION IF EXISTS refuse CASCADE")


@pytest.mark.parametrize(
    "sqlstate",
    ["26000", "42P05", "25006", "42501", "42703", "XX000", "0A000", "P0001", "57014", "55P03"],
    ids=[
        "lost",
        "prepared twice",
        "read-only",
        "not allowed",
        "no column",
        "internal",
        "feature",
        "raised",
        "slow",
        "locked",
    ],
)
async def test_a_database_error_is_tried_again_and_fails_no_job(
    orchestrator: Orchestrator, refusals: str, sqlstate: str
) -> None:
    late = await finish_step(orchestrator, Finished(data={"text": "late"}))
    good = await finish_step(orchestrator, Finished(data={"text": "fine"}))
    async with orchestrator.database.transaction() as tx:
        await tx.execute(refusals.format(sqlstate=sqlstate, job_id=late))
    await read_all(orchestrator)
    assert (await job_row(orchestrator.database, late))["status"] == "pending"
    assert (await job_row(orchestrator.database, good))["status"] == "completed"
    async with orchestrator.database.transaction() as tx:
        await tx.execute("DROP FUNCTION refuse CASCADE")
    assert await orchestrator.take_over(idle=0) > 0
    assert (await job_row(orchestrator.database, late))["status"] == "completed"
    assert await orchestrator.dispatcher.queue.redis.xlen("emprops:reports") == 0


@pytest.mark.parametrize("sqlstate", ["22021", "23514", "54000"], ids=["not text", "constraint", "too large"])
async def test_a_result_that_postgresql_can_never_take_fails_its_job(
    orchestrator: Orchestrator, refusals: str, sqlstate: str
) -> None:
    """Tried for ever, it would keep its job pending for ever."""
    odd = await finish_step(orchestrator, Finished(data={"text": "odd"}))
    async with orchestrator.database.transaction() as tx:
        once = refusals.replace("EACH ROW WHEN (", "EACH ROW WHEN (NEW.status = 'completed' AND ")
        await tx.execute(once.format(sqlstate=sqlstate, job_id=odd))
    await read_all(orchestrator)
    assert (await job_row(orchestrator.database, odd))["status"] == "failed"
    assert await orchestrator.dispatcher.queue.redis.xlen("emprops:reports") == 0


async def test_an_outage_of_postgresql_is_waited_out_with_the_batch_in_hand(
    orchestrator: Orchestrator, engines: Engines
) -> None:
    job_id = await finish_step(orchestrator, Finished(data={"text": "late"}))
    await orchestrator.stream.ensure_group()
    failed_once, recorded = asyncio.Event(), asyncio.Event()
    process = orchestrator.process

    async def watched(reports: Any) -> None:
        try:
            await process(reports)
        except psycopg.OperationalError:
            failed_once.set()
            raise
        if reports:
            recorded.set()

    orchestrator.process = watched  # type: ignore[method-assign]
    engines.kill_postgres()
    running = asyncio.create_task(orchestrator.run())
    try:
        await asyncio.wait_for(failed_once.wait(), 30)
        engines.restart_postgres()
        await asyncio.wait_for(recorded.wait(), 60)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (await job_row(orchestrator.database, job_id))["status"] == "completed"
