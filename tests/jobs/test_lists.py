"""Lists of jobs: whose they are, what narrows them, how they go on, and the indexes that they follow."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.apps import as_user, service_key
from tests.factories import Job, make_collection, make_job, make_output, make_step, make_user
from tests.plans import Explaining, many_jobs

from emprops.credits.store import open_account
from emprops.jobs import list_queries
from emprops.jobs.list_queries import JobFilter, count_jobs, job_places
from emprops.jobs.list_schemas import ListedJob
from emprops.jobs.row_queries import slim_jobs
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.kit.web.cursors import Seek
from emprops.kit.web.paging import Page

NOW = datetime.now(UTC)


async def rows(client: httpx2.AsyncClient, headers: dict[str, str], query: Any = None) -> list[dict[str, Any]]:
    reply = await client.get("/api/jobs", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    data: list[dict[str, Any]] = reply.json()["data"]
    for item in data:
        ListedJob.model_validate(item)
    return data


async def run_by(tx: Transaction, job: Job, worker: str, status: str = "completed") -> None:
    await tx.execute("UPDATE step SET worker_id = %s WHERE id = %s", (worker, await make_step(tx, job, status=status)))


async def test_list_is_own_newest_first_and_filtered(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user, other = await make_user(tx), await make_user(tx)
        first, second = await make_collection(tx, user), await make_collection(tx, user)
        jobs = {
            name: await make_job(
                tx,
                user,
                collection=collection,
                status=status,
                created_at=NOW - timedelta(minutes=minutes),
                job_type=kind,
            )
            for name, collection, status, minutes, kind in [
                ("old", first, "completed", 30, "collection_generation"),
                ("new", first, "pending", 1, "collection_generation"),
                ("middle", second, "completed", 10, "other"),
                ("failed", second, "failed", 20, "collection_generation"),
            ]
        }
        await run_by(tx, jobs["old"], "gpu-1")
        await run_by(tx, jobs["new"], "gpu-1", "processing")
        await run_by(tx, jobs["middle"], "gpu-2", "failed")
        foreign = await make_job(tx, other, collection=first)
        await run_by(tx, foreign, "gpu-1")
    names = {str(job.id): name for name, job in jobs.items()}

    async def listed(**query: Any) -> list[str]:
        return [names[item["id"]] for item in await rows(client, as_user(user), query)]

    assert await listed() == ["new", "middle", "failed", "old"]
    assert await listed(status="completed") == ["middle", "old"]
    assert await listed(status=["failed", "pending", "failed"]) == ["new", "failed"]
    assert await listed(status=["failed", "pending"], limit=1, offset=1) == ["failed"]
    assert await listed(collection_id=str(first.id)) == ["new", "old"]
    assert await listed(collection_id=str(first.id), status="completed") == ["old"]
    assert await listed(job_type="other") == ["middle"]
    assert await listed(worker="gpu-1") == ["new", "old"]
    assert await listed(worker="gpu-2") == ["middle"]
    assert await listed(since=(NOW - timedelta(minutes=20)).isoformat()) == ["new", "middle", "failed"]
    assert await listed(until=(NOW - timedelta(minutes=20)).isoformat()) == ["old"]
    assert await listed(
        since=(NOW - timedelta(minutes=15)).isoformat(), until=NOW.replace(tzinfo=None).isoformat()
    ) == [
        "new",
        "middle",
    ]
    assert await listed(limit=1) == ["new"]
    assert await listed(limit=1, offset=1) == ["middle"]
    assert await listed(page=4, size=1) == ["old"]


@pytest.mark.parametrize("few", [2_000, 0])
async def test_words_find_jobs_by_what_their_outputs_are_made_from(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(list_queries, "FEW", few)
    async with database.transaction() as tx:
        user = await make_user(tx)
        fox, mountain = [await make_job(tx, user) for _ in range(2)]
        await make_output(tx, job=fox, input_metadata={"prompt": "a red fox's den"})
        await make_output(tx, job=mountain, input_metadata={"prompt": "a mountain"})
        foreign = await make_job(tx)
        await make_output(tx, job=foreign, input_metadata={"prompt": "another red fox"})
        await run_by(tx, fox, "gpu-1")
    service = await service_key(database)
    for text, own, all_ in [
        ("red fo", [fox], [foreign, fox]),
        ("mount", [mountain], [mountain]),
        ("sea", [], []),
        ("'", [], []),
    ]:
        assert [row["id"] for row in await rows(client, as_user(user), {"q": text})] == [str(job.id) for job in own]
        assert [row["id"] for row in await rows(client, service, {"q": text})] == [str(job.id) for job in all_]
    assert [row["id"] for row in await rows(client, as_user(user), {"q": "fox", "worker": "gpu-1"})] == [str(fox.id)]


@pytest.mark.parametrize("statuses", [[], ["pending", "completed"]])
async def test_a_list_goes_on_with_its_cursor_and_counts(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch, statuses: list[str]
) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        for n in range(5):
            await make_job(
                tx, user, status="pending" if n % 2 else "completed", created_at=NOW - timedelta(seconds=n // 2)
            )
    for headers in (as_user(user), await service_key(database)):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2, "count": True, "status": statuses}
        while True:
            reply = (await client.get("/api/jobs", params=query, headers=headers)).json()
            assert (reply["total"], reply["total_is_exact"]) == (5, True)
            seen += [row["id"] for row in reply["data"]]
            if reply["next_cursor"] is None:
                break
            query["cursor"] = reply["next_cursor"]
        assert seen == [row["id"] for row in await rows(client, headers)]
    monkeypatch.setattr(list_queries, "MAX_COUNTED", 3)
    async with database.reader() as reader:
        assert await count_jobs(reader, user, JobFilter(tuple(statuses))) == 4
    plain = (await client.get("/api/jobs", headers=as_user(user))).json()
    assert (plain["total"], plain["total_is_exact"], plain["next_cursor"]) == (None, None, None)


@pytest.mark.parametrize(
    "query",
    [
        *("status=done", "status=hidden", "status=pending&status=x", "collection_id=1", "limit=0", "limit=201"),
        *("cursor=x", "since=never", "since=0001-01-01T00:00:00%2B14:00", "include=all", "job_type=", "worker="),
    ],
)
async def test_list_refuses_unknown_filters(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/jobs?{query}", headers=as_user(new_id()))).status_code == 400


async def test_rows_are_slim_and_say_what_a_tile_needs(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        job = await make_job(tx, user, status="completed", retry_count=1, error_message="x" * 600)
        await tx.execute(
            """
            UPDATE job SET created_at = now() - interval '1 hour', started_at = now() - interval '20 s',
                   completed_at = now() - interval '5 s' WHERE id = %s
            """,
            (job.id,),
        )
        await tx.execute(
            """
            INSERT INTO job_retry_backup (job_id, retry_attempt, previous_status, data, created_at)
            VALUES (%s, 1, 'failed', '{}', now() - interval '30 s')
            """,
            (job.id,),
        )
        await open_account(tx, user, 0)
        await tx.execute(
            """
            INSERT INTO credit_hold (job_id, user_id, amount, state, charged)
            VALUES (%s, %s, 500000, 'captured', 250000)
            """,
            (job.id, user),
        )
        await make_output(tx, job=job, status="hidden", url="http://x/a.png", mime_type="image/png")
        await make_output(tx, job=job, status="completed", generation=1, url="http://x/b.png", mime_type="image/png")
    [row] = await rows(client, as_user(user))
    assert "data" not in row
    assert "user_id" not in row
    assert (row["wait_seconds"], row["run_seconds"], row["cost"], row["retry_count"]) == (10, 15, 0.25, 1)
    assert (row["collection_id"], row["thumbnail_url"]) == (str(job.collection.id), "http://x/b.png")
    assert (row["mime_type"], len(row["output_ids"]), row["cancelled"]) == ("image/png", 2, False)
    assert row["error_message"] == "x" * 499 + "…"
    [row] = await rows(client, as_user(user), {"include": "data"})
    assert row["data"]["collectionId"] == str(job.collection.id)


async def test_a_job_that_never_started_has_not_run(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        job = await make_job(tx, user, status="failed")
        await tx.execute("UPDATE job SET started_at = NULL, completed_at = now() WHERE id = %s", (job.id,))
    [row] = await rows(client, as_user(user))
    assert row["run_seconds"] is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (JobFilter(), "job_of_user "),
        (JobFilter(statuses=("failed",)), "job_of_user_by_status"),
        (JobFilter(statuses=("failed", "completed")), "job_of_user_by_status"),
        (JobFilter(collection_id=new_id()), "job_of_user_and_collection"),
        (JobFilter(since=NOW - timedelta(hours=2), until=NOW), "job_of_user "),
    ],
)
async def test_lists_follow_an_index_in_their_order(database: Database, wanted: JobFilter, index: str) -> None:
    async with database.transaction() as tx:
        user = await many_jobs(tx)
        explaining = Explaining(tx.connection)
        await job_places(explaining, user, wanted, Seek(Page(), (NOW, new_id())))
    assert index in explaining.plan, explaining.plan
    assert "Seq Scan" not in explaining.plan
    assert "Sort\n" not in explaining.plan, explaining.plan


@pytest.mark.parametrize(
    ("statuses", "index"), [((), "job_newest"), (("failed",), "job_failed_newest"), (("processing",), "job_")]
)
async def test_lists_of_everybodys_jobs_follow_an_index(database: Database, statuses: Any, index: str) -> None:
    async with database.transaction() as tx:
        await many_jobs(tx)
        explaining = Explaining(tx.connection)
        await job_places(explaining, None, JobFilter(statuses), Seek(Page(), (NOW, new_id())))
        assert index in explaining.plan
        assert "Seq Scan" not in explaining.plan
        await list_queries._jobs_of_worker(explaining, "gpu-1")
        assert "step_of_worker" in explaining.plan
        assert "step_open" in explaining.plan
        await slim_jobs(explaining, [new_id()])
    for used in ("job_pkey", "output_of_job", "credit_hold_pkey", "collection_pkey", "job_retry_backup_job_id"):
        assert used in explaining.plan, explaining.plan
