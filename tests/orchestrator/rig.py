"""A job's life under a test's control: the api in this process, Redis and PostgreSQL, a worker that does as it is
told, and an orchestrator that looks when asked to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user
from tests.factories import Collection, make_collection, make_noop_workflow
from tests.locks import somebody_waits
from tests.queue.helpers import Worker

from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.orchestrator.advance.reports import Orchestrator
from emprops.orchestrator.repair.reconcile import Reconciled, reconcile_stale_steps
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.messages import Claim, Finished, StoredFile
from emprops.settings import Settings

First = TypeVar("First")


Second = TypeVar("Second")


FORM = {"fields": [{"id": "prompt", "type": "prompt_editor"}, {"id": "image", "type": "image_loader"}]}


FAILED = Finished(failure="final", error="the model refused")


def picture(name: str = "a") -> Finished:
    """The end of a step that stored one picture."""
    key = f"generations/{name}.png"
    file = StoredFile(key=key, mime_type="image/png", size=3, sha256="0" * 64, thumbnail_key=f"thumbnails/{name}.webp")
    return Finished(files=(file,), data={"seed": 7})


async def make_recipe(
    tx: Transaction, *, steps: int = 1, generations: int = 1, price: float = 0, user_id: UUID | None = None
) -> Collection:
    """A public collection whose steps each take the picture of the one before."""
    name = await make_noop_workflow(tx, FORM, price=price)
    recipe = {
        "version": "v2",
        "steps": [
            {
                "id": n,
                "nodeName": name,
                "alias": f"step {n}",
                "nodePayload": {"prompt": "{{prompt}}"} | ({"image": {"$ref": n - 1}} if n > 1 else {}),
            }
            for n in range(1, steps + 1)
        ],
        "variables": [{"name": "prompt", "type": "text", "test_value": "a quiet harbour"}],
        "generations": {"generations": generations},
    }
    return await make_collection(tx, user_id, data=recipe, is_public=True)


@dataclass
class Rig:
    """Everything around a job, and what a test does with it as one user."""

    settings: Settings
    database: Database
    redis: redis.asyncio.Redis
    client: httpx2.AsyncClient
    app: FastAPI
    dispatcher: Dispatcher
    orchestrator: Orchestrator
    worker: Worker
    service: dict[str, str]
    user_id: UUID = field(default_factory=new_id)

    async def start(self, *, steps: int = 1, generations: int = 1, price: float = 0, send: bool = True) -> UUID:
        """Generate from a new collection; gives the job."""
        async with self.database.transaction() as tx:
            collection = await make_recipe(tx, steps=steps, generations=generations, price=price)
        path = f"/api/collections/{collection.id}/generate"
        response = await self.client.post(path, json={"variables": {}}, headers=as_user(self.user_id))
        assert response.status_code == 200, response.text
        if send:
            await self.dispatcher.flush()
        return UUID(response.json()["data"]["jobId"])

    async def settle(self) -> None:
        """Let the orchestrator take up all reports there are, and the dispatcher send what follows."""
        while reports := await self.orchestrator.stream.read(block=0.001):
            await self.orchestrator.process(reports)
        await self.dispatcher.flush()

    async def run(self, finished: Finished) -> Claim:
        """Run the next waiting step to this end."""
        claim = await self.worker.claim_one()
        assert await self.worker.finish(claim, finished)
        await self.settle()
        return claim

    async def post(self, job_id: UUID, what: str, body: Any = None, **headers: str) -> httpx2.Response:
        """Call an endpoint of the job as its owner, or as these headers say."""
        return await self.client.post(f"/api/jobs/{job_id}/{what}", json=body, headers=headers or as_user(self.user_id))

    async def ok(self, job_id: UUID, what: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The same, and it must work."""
        response = await self.post(job_id, what, body, **headers)
        assert response.status_code == 200, response.text
        assert response.json()["error"] is None
        return dict(response.json()["data"])

    async def refused(self, job_id: UUID, what: str, body: Any = None, **headers: str) -> str:
        """The same, and it must be refused with 400; gives the sentence."""
        response = await self.post(job_id, what, body, **headers)
        assert response.status_code == 400, response.text
        assert response.json()["data"] is None
        return str(response.json()["error"])

    async def job(self, job_id: UUID) -> dict[str, Any]:
        """The job as the api shows it."""
        response = await self.client.get(f"/api/jobs/{job_id}", headers=as_user(self.user_id))
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    async def ok_output(self, job_id: UUID) -> dict[str, Any]:
        """The job's output as the api shows it."""
        response = await self.client.get(f"/api/jobs/{job_id}/output", headers=as_user(self.user_id))
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    async def history(self, job_id: UUID) -> list[str]:
        """The messages of the job's history."""
        response = await self.client.get(f"/api/jobs/{job_id}/history?limit=200", headers=as_user(self.user_id))
        return [row["message"] for row in response.json()["data"]]

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with self.database.reader() as reader:
            return await reader.fetch_dicts(sql, parameters)

    async def execute(self, sql: str, *parameters: Any) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(sql, parameters)

    async def steps(self, job_id: UUID) -> list[dict[str, Any]]:
        """All step rows of all attempts, in order."""
        return await self.rows("SELECT * FROM step WHERE job_id = %s ORDER BY retry_attempt, step_order", job_id)

    async def outputs(self, job_id: UUID) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM output WHERE job_id = %s ORDER BY generation, id", job_id)

    async def entries(self, job_id: UUID) -> list[str]:
        """What the job did to its owner's credits, in order."""
        return [
            row["kind"]
            for row in await self.rows("SELECT kind FROM credit_entry WHERE job_id = %s ORDER BY id", job_id)
        ]

    async def age(self, job_id: UUID, minutes: float) -> None:
        """Let the job, and what is open of it, be without news for that long."""
        await self.execute(
            "UPDATE job SET updated_at = now() - make_interval(secs => %s) WHERE id = %s", minutes * 60, job_id
        )
        await self.execute(
            """
            UPDATE step SET updated_at = now() - make_interval(secs => %s),
                   queued_at = queued_at - make_interval(secs => %s)
            WHERE job_id = %s AND status IN ('pending', 'processing')
            """,
            minutes * 60,
            minutes * 60,
            job_id,
        )

    async def ticket_states(self, steps: Sequence[dict[str, Any]]) -> list[str | None]:
        return await self.dispatcher.queue.ticket_states([str(step["id"]) for step in steps])

    async def race(
        self,
        first: Awaitable[First],
        place: Any,
        name: str,
        second: Callable[[], Awaitable[Second]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> tuple[First, Second]:
        """Stop ``first`` where it calls a function, holding its locks; start ``second``; let ``first`` go on as soon
        as somebody waits for those locks."""
        function, reached = getattr(place, name), asyncio.Event()

        async def wait_and_go_on(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(place, name, function)
            reached.set()
            await somebody_waits(self.database)
            return await function(*arguments, **options)

        monkeypatch.setattr(place, name, wait_and_go_on)
        started = asyncio.ensure_future(first)
        await reached.wait()
        return await asyncio.gather(started, second())


async def reconcile(rig: Rig) -> Reconciled:
    done = await reconcile_stale_steps(rig.orchestrator)
    await rig.dispatcher.flush()
    return done


async def forget_reports(rig: Rig) -> None:
    """The report stream loses everything that nobody has read."""
    await rig.redis.delete("emprops:reports")
    await rig.orchestrator.stream.ensure_group()


async def failed_job(rig: Rig, *, done: int = 0, steps: int = 1, **options: Any) -> UUID:
    """A job that failed after this many of its steps."""
    job_id = await rig.start(steps=steps, **options)
    for n in range(done):
        await rig.run(picture(f"{job_id}-{n}"))
    await rig.run(FAILED)
    assert (await rig.job(job_id))["status"] == "failed"
    return job_id
