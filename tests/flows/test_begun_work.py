"""A worker that is killed while an API works for it: another worker waits for that work, and begins nothing."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.apps import served
from tests.connectors.fetch_api.test_recipes import HOSTS, RECIPES
from tests.fakes.media_apis import KEY, MediaApis
from tests.flows.conftest import System, worker_process
from tests.gateway.rig import add_key

from emprops.queue.keys import KEYS


@pytest.fixture
async def apis() -> AsyncIterator[MediaApis]:
    """Work there ends when the test says so."""
    fake = MediaApis(polls=10**9)
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


async def collection_of(system: System, apis: MediaApis) -> str:
    """A collection that generates with fal's queue."""
    text = json.dumps(RECIPES["fal"])
    for host, path in HOSTS.items():
        text = text.replace(f"https://{host}", f"{apis.base}/{path}")
    data = json.loads(text)
    data["api"]["polling"]["interval"] = 0.5
    workflow = {"name": "flux", "label": "", "description": "", "type": "fetch_api", "data": data}
    response = await system.post("/api/workflows", workflow | {"output_mime_type": "image/png"})
    assert response.status_code == 201, response.text
    steps = [{"id": 1, "nodeName": "flux", "nodePayload": {"prompt": "a fox"}}]
    response = await system.post("/api/collections", {"title": "Flux", "data": {"version": "v2", "steps": steps}})
    assert response.status_code == 201, response.text
    return str(response.json()["data"]["id"])


async def until_remembered(system: System) -> None:
    """Wait until the queue knows of work that was begun."""
    while True:
        async for ticket in system.redis.scan_iter(f"{system.settings.queue_prefix}{KEYS.ticket}*"):
            if await system.redis.hexists(ticket, "remembered"):
                return


@pytest.mark.parametrize("way", ["redis", "http"])
async def test_another_worker_waits_for_what_a_killed_one_began(
    system: System, apis: MediaApis, tmp_path: Path, way: str
) -> None:
    place = urlsplit(apis.base).netloc
    environment = {
        "EMPROPS_WORKER_CONNECTORS": "fetch_api",
        "EMPROPS_OUTBOUND_ALLOW": place,
        "EMPROPS_SECRET_FAL_KEY": KEY,
        "EMPROPS_SECRET_FAL_KEY_HOSTS": place,
    }
    if way == "http":
        environment |= {
            "REDIS_URL": "",
            "EMPROPS_DATA_DIR": str(tmp_path / "nothing-here"),
            "EMPROPS_SERVER": str(system.http.base_url),
            "EMPROPS_WORKER_KEY": await add_key(system.database, "worker"),
        }
    collection = await collection_of(system, apis)
    async with worker_process(system.settings, **environment) as first:
        job_id = await system.generate(collection)
        await until_remembered(system)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    apis.polls = 0
    await system.expire_leases()
    async with worker_process(system.settings, **environment):
        job = await system.finished(job_id)
    assert job["status"] == "completed", job["error_message"]
    assert len(apis.submitted) == 1, "it was begun, and paid for, twice"
    assert "-2-" in job["workflow_output"], "it must have been the second attempt"
