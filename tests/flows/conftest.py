"""The whole system for flow tests: the real api on loopback with its orchestration, real workers as processes."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user, built, free_port, served

from emprops.kit.database import Database
from emprops.samples import store as samples
from emprops.settings import Settings


@dataclass
class System:
    """A running api, and what a test does with it as one user."""

    app: FastAPI
    http: httpx2.AsyncClient
    settings: Settings
    database: Database
    redis: redis.asyncio.Redis
    user_id: UUID = field(default_factory=uuid4)

    async def post(self, path: str, body: Any) -> httpx2.Response:
        return await self.http.post(path, json=body, headers=as_user(self.user_id))

    async def get(self, path: str) -> Any:
        response = await self.http.get(path, headers=as_user(self.user_id))
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def generate(self, collection: str, variables: dict[str, Any] | None = None, **body: Any) -> str:
        response = await self.post(f"/api/collections/{collection}/generate", {"variables": variables or {}, **body})
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["jobId"])

    async def events(self, job_id: str, last_event_id: str | None = None) -> AsyncIterator[tuple[str, Any]]:
        """Follow a job's stream until it ends."""
        headers = as_user(self.user_id) | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        async with self.http.stream("GET", f"/api/jobs/{job_id}/stream", headers=headers, timeout=60) as response:
            assert response.status_code == 200
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    yield name, json.loads(line[5:])

    async def finished(self, job_id: str) -> dict[str, Any]:
        """Wait, on the stream, for a job's end."""
        last: dict[str, Any] = {}
        async for name, data in self.events(job_id):
            if name == "job_update":
                last = data
        assert last["status"] in {"completed", "failed"}, last
        return last

    async def file(self, url: str, **headers: str) -> httpx2.Response:
        """Fetch a result from its public URL, through the api under test."""
        assert url.startswith(self.settings.base_url + "/files/")
        return await self.http.get(url.removeprefix(self.settings.base_url), headers=headers)

    async def expire_leases(self) -> None:
        """Let every lease be over, as if its minute had passed."""
        key = f"{self.settings.queue_prefix}leases"
        for step in await self.redis.zrange(key, 0, -1):
            await self.redis.zadd(key, {step: 1}, xx=True)


@pytest.fixture(scope="session")
def flow_settings(settings: Settings) -> Settings:
    port = free_port()
    return settings.model_copy(update={"port": port, "stream_poll": 1.0})


@asynccontextmanager
async def running_system(settings: Settings, database: Database, client: redis.asyncio.Redis) -> AsyncIterator[System]:
    """The api with everything that runs in it, on sample collections."""
    await samples.seed(database)
    app = built(settings)
    async with app.router.lifespan_context(app), served(app) as http:
        yield System(app, http, settings, database, client)


@pytest.fixture
async def system(flow_settings: Settings, database: Database, redis: redis.asyncio.Redis) -> AsyncIterator[System]:
    async with running_system(flow_settings, database, redis) as system:
        yield system


@pytest.fixture
async def slow_art(system: System) -> str:
    """A collection whose picture takes seconds."""
    return await slowed_art(system.database)


async def slowed_art(database: Database) -> str:
    """Have the pictures of the sample collection take seconds; its short name."""
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE workflow SET data = jsonb_set(data, '{job,payload}', (data #> '{job,payload}') || %s::jsonb)"
            " WHERE name = 'local_image'",
            ('{"width": 2048, "height": 2048, "style": "bloom"}',),
        )
        await tx.execute(
            "UPDATE collection SET data = jsonb_set(data, '{steps,0,nodePayload}', "
            "(data #> '{steps,0,nodePayload}') - 'width' - 'height' - 'style') WHERE slug = 'art'"
        )
    return "art"


@asynccontextmanager
async def worker_process(settings: Settings, before: str = "", **environment: str) -> AsyncIterator[Process]:
    """A real ``emprops worker``, in a process that runs the program ``before`` first."""
    own = {
        "REDIS_URL": settings.redis_url,
        "EMPROPS_DATA_DIR": str(settings.data_dir),
        "PORT": str(settings.port),
        "EMPROPS_WORKER_CONNECTORS": "local_engine",
        "EMPROPS_WORKER_GRACE": "3",
        "EMPROPS_PROGRESS_INTERVAL": "0.05",
    }
    async with command_process("worker", before, **own | environment) as process:
        yield process


@asynccontextmanager
async def command_process(
    command: str, before: str = "", *, log: Path = Path(os.devnull), **environment: str
) -> AsyncIterator[Process]:
    """A process of ``emprops``, stopped at the end unless it has ended."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"{before}\nfrom emprops.cli.main import app; app(['{command}'])",
            env=os.environ | environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            cwd=Path(__file__).parents[2],
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


@pytest.fixture(scope="module")
async def shared_worker(flow_settings: Settings) -> AsyncIterator[Process]:
    """One worker for all tests of a module. It ends with the module: tests elsewhere must not meet it in the fleet."""
    async with worker_process(flow_settings) as process:
        yield process
