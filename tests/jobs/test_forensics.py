"""The debug view of one job: what it shows of PostgreSQL, and when Redis is away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user
from tests.factories import Job, make_file, make_job, make_output, make_step, make_user
from tests.plans import Explaining

from emprops.jobs.forensics import timings
from emprops.jobs.forensics_queries import SHOWN_BYTES, StepRow, files_of
from emprops.kit.database import Database, Parameters
from emprops.kit.ids import new_id

DOCUMENTED = {
    "url": "generations/film.mp4",
    "mime_type": "video/mp4",
    "mux_asset_id": "1L3400tF301xX5bFw1vl9WOG71QZz02xy02hVFBU2ThZ7mE",
    "mux_playback_id": "7iwyZezQo4fjZoYPOMV9NWe1vuXMg6fE5lBKqQvnXOE",
}


async def read(client: httpx2.AsyncClient, job: Job) -> dict[str, Any]:
    reply = await client.get(f"/api/jobs/{job.id}/forensics", headers=as_user(job.user_id))
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == {"job": reply.json()["job"]}
    assert reply.json()["error"] is None
    return dict(reply.json()["job"])


async def test_the_documents_example(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, status="completed", progress=100, variables={"prompt": "a quiet harbour"})
        step = await make_step(tx, job, status="completed")
        file = await make_file(tx, key="generations/film.mp4", mime_type="video/mp4", job=job, step_id=step)
        await tx.execute(
            "UPDATE flat_file SET mux_asset_id = %s, mux_playback_id = %s WHERE id = %s",
            (DOCUMENTED["mux_asset_id"], DOCUMENTED["mux_playback_id"], file),
        )
    shown = await read(client, job)
    (flat_file,) = shown["payload"]["_flat_files"]
    assert flat_file.items() >= {"id": file, "step_id": str(step), **DOCUMENTED}.items()
    assert shown["payload"]["variables"] == {"prompt": "a quiet harbour"}
    plain = await client.get(f"/api/jobs/{job.id}", headers=as_user(job.user_id))
    detail = ("price", "queue", "review")
    assert shown.items() >= {name: value for name, value in plain.json()["data"].items() if name not in detail}.items()
    assert (await client.get(f"/jobs/{job.id}/forensics", headers=as_user(job.user_id))).status_code == 200


async def test_files_that_only_an_output_shows(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, status="completed")
        own = await make_file(tx, job=job)
        uploaded = await make_file(tx)
        await make_file(tx)
        output = await make_output(tx, job=job, status="completed", flat_file_id=uploaded)
        hidden = await make_output(tx, job=job, status="hidden", flat_file_id=own, generation=1)
    shown = await read(client, job)
    assert [file["id"] for file in shown["payload"]["_flat_files"]] == [own, uploaded]
    assert [(one["id"], one["status"]) for one in shown["outputs"]] == [
        (str(output), "completed"),
        (str(hidden), "hidden"),
    ]


async def test_large_inputs_are_left_out(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, status="processing", steps=2)
        await make_step(
            tx, job, status="completed", input_data={"prompt": "x" * SHOWN_BYTES}, output_data={"files": []}
        )
        await make_step(tx, job, order=2, input_data={"prompt": "y"})
    large, small = (await read(client, job))["steps"]
    assert (large["input_data"], large["input_bytes"]) == (None, SHOWN_BYTES + len('{"prompt": ""}'))
    assert (large["output_data"], small["output_data"], small["output_bytes"]) == ({"files": []}, None, None)
    assert (small["input_data"], small["input_bytes"]) == ({"prompt": "y"}, len('{"prompt": "y"}'))


async def test_whose_it_is(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        stranger = await make_user(tx)

    async def attempt(job_id: UUID, headers: dict[str, str]) -> tuple[int, str]:
        reply = await client.get(f"/api/jobs/{job_id}/forensics", headers=headers)
        return reply.status_code, reply.json()["error"]

    assert await attempt(job.id, as_user(stranger)) == (404, "Job not found")
    assert await attempt(new_id(), as_user(job.user_id)) == (404, "Job not found")
    assert (await attempt(job.id, {}))[0] == 401


async def test_while_redis_is_away(app: FastAPI, client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        await make_step(tx, job)
    async with redis.asyncio.Redis(unix_socket_path="/nowhere/redis.sock") as nowhere:
        app.state.resources = replace(app.state.resources, redis=nowhere)
        shown = await read(client, job)
    assert (shown["queue"], shown["attestations"], shown["workers"]) == (None, None, None)
    assert [step["step_order"] for step in shown["steps"]] == [1]
    assert [row["message"] for row in shown["history"]] == ["Job created"]


def test_times() -> None:
    start = datetime(2026, 1, 10, 12, tzinfo=UTC)
    nothing: dict[str, Any] = dict.fromkeys(StepRow.__dataclass_fields__)
    job = StepRow(**nothing | {"created_at": start})

    def at(seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    assert timings(start, job, at(5)) == {"waiting": 5, "running": None, "total": 5}
    running = replace(job, started_at=at(2))
    assert timings(start, running, at(5)) == {"waiting": 2, "running": 3, "total": 5}
    ended = replace(running, completed_at=at(4.25))
    assert timings(start, ended, at(60)) == {"waiting": 2, "running": 2.25, "total": 4.25}
    assert timings(start, replace(job, completed_at=at(3)), at(60)) == {"waiting": 3, "running": None, "total": 3}
    assert timings(None, job, at(1)) == {"waiting": None, "running": None, "total": 1}


class ExplainingDicts(Explaining):
    async def fetch_dicts(self, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
        return await self.fetch_all(dict, sql, parameters)


async def test_files_are_found_by_indexes(database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        explaining = ExplainingDicts(tx.connection)
        await files_of(explaining, job.id)
    assert "Seq Scan" not in explaining.plan
    assert "flat_file_of_job" in explaining.plan
