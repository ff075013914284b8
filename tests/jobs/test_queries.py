"""Reading jobs: the contract's fields, who may read, lists in order, histories."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from psycopg.types.json import Jsonb
from starlette.requests import HTTPConnection
from tests.apps import as_user
from tests.factories import Job, add_history, make_job, make_output
from tests.plans import Explaining, many_jobs

from emprops.auth.caller import Caller
from emprops.jobs.queries import detail_of, history_of, job_of
from emprops.jobs.schemas import HistoryRow, JobView
from emprops.jobs.stream_queries import looks, moved
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page

CONTRACT = {
    "id": str,
    "name": str,
    "description": str,
    "status": str,
    "progress": (int, float, type(None)),
    "error_message": (str, type(None)),
    "created_at": str,
    "updated_at": str,
    "started_at": (str, type(None)),
    "completed_at": (str, type(None)),
    "job_type": str,
    "priority": int,
    "workflow_output": (str, type(None)),
    "data": dict,
}
DETAIL = {"queue": (dict, type(None)), "price": (dict, type(None)), "review": (str, type(None))}
EXTRA = {
    "current_step": int,
    "total_steps": int,
    "retry_count": int,
    "collection_version": (int, type(None)),
    "output_ids": list,
}


async def a_job(database: Database, user_id: UUID | None = None, **options: Any) -> Job:
    async with database.transaction() as tx:
        return await make_job(tx, user_id, **options)


async def test_job_has_the_fields_and_types_of_the_contract(client: httpx2.AsyncClient, database: Database) -> None:
    job = await a_job(database, variables={"prompt": "a “harbour” 🌊", "n": 2**60, "ratio": 0.1, "none": None})
    reply = await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["error"] is None
    data = reply.json()["data"]
    assert {
        key: type(value) for key, value in data.items() if not isinstance(value, (CONTRACT | EXTRA | DETAIL)[key])
    } == {}
    assert [data.pop(name, "missing") for name in DETAIL] == [None, None, None]
    assert data.keys() == (CONTRACT | EXTRA).keys()
    assert data["id"] == str(job.id)
    assert data["data"] == {
        "collectionId": str(job.collection.id),
        "variables": {"prompt": "a “harbour” 🌊", "n": 2**60, "ratio": 0.1, "none": None},
    }
    JobView.model_validate(data | {"queue": None, "price": None, "review": None})


async def test_a_job_names_its_outputs_in_the_order_of_its_generations(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        second = await make_output(tx, job=job, generation=1, status="hidden")
        first = await make_output(tx, job=job, generation=0)
        await make_output(tx, job=await make_job(tx))
    expected = [str(first), str(second)]
    assert (await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))).json()["data"]["output_ids"] == (
        expected
    )
    [listed] = (await client.get("/api/jobs", headers=as_user(job.user_id))).json()["data"]
    assert listed["output_ids"] == expected
    bare = await a_job(database)
    assert (await client.get(f"/api/jobs/{bare.id}", headers=as_user(bare.user_id))).json()["data"]["output_ids"] == []


@pytest.mark.parametrize("status", ["pending", "processing", "completed", "failed"])
async def test_job_shows_each_state(client: httpx2.AsyncClient, database: Database, status: str) -> None:
    job = await a_job(
        database,
        status=status,
        progress=37.5,
        steps=4,
        workflow_output="https://cdn.example.com/a.png" if status == "completed" else None,
        error_message="no such model" if status == "failed" else None,
    )
    data = (await client.get(f"/jobs/{job.id}", headers=as_user(job.user_id))).json()["data"]
    assert data["status"] == status
    assert data["progress"] == 37.5
    assert data["total_steps"] == 4
    assert (data["started_at"] is None) == (status == "pending")
    assert (data["completed_at"] is None) == (status in ("pending", "processing"))
    assert data["workflow_output"] == ("https://cdn.example.com/a.png" if status == "completed" else None)
    assert data["error_message"] == ("no such model" if status == "failed" else None)


async def test_times_are_utc_with_a_z_and_whole_percentages_are_integers(
    client: httpx2.AsyncClient, database: Database
) -> None:
    at = datetime(2026, 1, 10, 12, 30, 0, 125_000, tzinfo=UTC)
    job = await a_job(database, created_at=at, progress=50.0)
    reply = await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))
    assert '"created_at":"2026-01-10T12:30:00.125000Z"' in reply.text
    assert '"progress":50,' in reply.text


async def test_unknown_and_foreign_jobs_look_the_same(client: httpx2.AsyncClient, database: Database) -> None:
    job = await a_job(database)
    for path in ("", "/history", "/stream", "/events"):
        foreign = await client.get(f"/api/jobs/{job.id}{path}", headers=as_user(new_id()))
        unknown = await client.get(f"/api/jobs/{new_id()}{path}", headers=as_user(job.user_id))
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json()["error"] == unknown.json()["error"] == "Job not found"
        assert foreign.json()["data"] is None


@pytest.mark.parametrize("path", ["", "/history", "/stream"])
async def test_reading_needs_a_caller_and_a_uuid(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(f"/api/jobs/{new_id()}{path}")).status_code == 401
    assert (await client.get(f"/api/jobs/17{path}", headers=as_user(new_id()))).status_code == 400


async def test_service_reads_any_job(app: FastAPI, client: httpx2.AsyncClient, database: Database) -> None:
    class Service:
        async def identify(self, connection: HTTPConnection) -> Caller:  # noqa: ARG002
            return Caller(user_id=None, is_service=True)

    app.state.authenticator = Service()
    job = await a_job(database)
    assert (await client.get(f"/api/jobs/{job.id}")).json()["data"]["id"] == str(job.id)
    assert len((await client.get(f"/api/jobs/{job.id}/history")).json()["data"]) == 1
    assert (await client.get("/api/jobs")).status_code == 200  # a service sees those of everybody


async def test_job_history_and_look_are_read_by_key(database: Database) -> None:
    async with database.transaction() as tx:
        await many_jobs(tx)
        explaining = Explaining(tx.connection)
        await job_of(explaining, new_id())
        assert "Index Scan using job_pkey" in explaining.plan
        await detail_of(explaining, new_id())
        assert "Index Scan using job_pkey" in explaining.plan
        assert "step_job_id_retry_attempt_step_order_key" in explaining.plan
        assert "Seq Scan" not in explaining.plan
        await history_of(explaining, new_id(), Page())
        assert "job_history_of_job" in explaining.plan
        assert "Sort" not in explaining.plan
        await looks(explaining, [(new_id(), 5)], 500)
        assert "Index Scan using job_pkey" in explaining.plan
        # whether a row is the job's may as well be asked of its own key
        by_key = explaining.plan.count("job_history_of_job") + explaining.plan.count("job_history_pkey")
        assert by_key == 3, explaining.plan
        assert "Seq Scan" not in explaining.plan
        await moved(explaining, [(new_id(), datetime.now(UTC), 5)])
        assert "Index Scan using job_pkey" in explaining.plan
        assert "job_history_of_job" in explaining.plan
        assert "Seq Scan" not in explaining.plan


async def test_history_is_oldest_first_and_paged(client: httpx2.AsyncClient, database: Database) -> None:
    job = await a_job(database, history=("one", "two"))
    async with database.transaction() as tx:
        await add_history(tx, job.id, "three", data={"step": 1})
        await make_job(tx)  # another job's rows lie in between
        await add_history(tx, job.id, "four")
    reply = await client.get(f"/api/jobs/{job.id}/history", headers=as_user(job.user_id))
    rows = reply.json()["data"]
    assert [row["message"] for row in rows] == ["one", "two", "three", "four"]
    assert rows[2]["data"] == {"step": 1}
    assert rows[0].keys() == {"id", "status", "message", "data", "created_at"}
    assert rows[0]["created_at"].endswith("Z")
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    for row in rows:
        HistoryRow.model_validate(row)
    part = await client.get(f"/jobs/{job.id}/history?limit=2&offset=1", headers=as_user(job.user_id))
    assert part.json()["data"] == rows[1:3]


async def test_results_beside_the_variables_are_shown(client: httpx2.AsyncClient, database: Database) -> None:
    job = await a_job(database)
    async with database.transaction() as tx:
        outputs = [{"generation": 0, "files": [{"url": "http://x/a.png"}]}]
        await tx.execute("UPDATE job SET data = data || %s WHERE id = %s", (Jsonb({"outputs": outputs}), job.id))
    data = (await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))).json()["data"]
    assert data["data"]["outputs"] == outputs
