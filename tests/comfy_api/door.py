"""What a client of Comfy API v2 sends, each answer held against that API's shapes."""

from typing import Any

import httpx2
import redis
from tests.apps import as_user
from tests.comfy_api import schema
from tests.orchestrator.rig import Rig

from emprops.queue.messages import Claim, Finished, Preview, StoredFile
from emprops.queue.transport import Beat
from emprops.queue.worker_link import RedisHeartbeat

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "fox"}},
}


def made(name: str, mime_type: str, size: int, node: str) -> StoredFile:
    """A file that a node stored."""
    key = f"generations/{name}"
    return StoredFile(key=key, mime_type=mime_type, size=size, sha256="0" * 64, name=name, node=node)


PICTURE, CLIP = made("fox_00001_.png", "image/png", 3, "9"), made("fox.webm", "video/webm", 5, "9")
MADE = Finished(files=(PICTURE, CLIP, made("said.txt", "text/plain", 4, "4")))


async def ask(rig: Rig, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    """Send a request as the rig's user."""
    sent = as_user(rig.user_id) | {name.replace("_", "-"): value for name, value in headers.items()}
    return await rig.client.request(method, f"/api/v2{path}", json=body, headers=sent)


async def submit(rig: Rig, graph: Any = None, **fields: Any) -> dict[str, Any]:
    """Submit a graph; gives the job."""
    reply = await ask(rig, "POST", "/jobs", {"workflow": graph or GRAPH, **fields})
    assert reply.status_code == 201, reply.text
    return dict(schema.check(schema.JOB, reply.json()))


async def job_of(rig: Rig, job_id: str) -> dict[str, Any]:
    """Poll a job."""
    reply = await ask(rig, "GET", f"/jobs/{job_id}")
    assert reply.status_code == 200, reply.text
    return dict(schema.check(schema.JOB, reply.json()))


async def page_of(rig: Rig, query: str = "") -> dict[str, Any]:
    """List jobs."""
    reply = await ask(rig, "GET", f"/jobs{query}")
    assert reply.status_code == 200, reply.text
    return dict(schema.check(schema.PAGE, reply.json()))


def refusal(reply: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The failure that an answer is."""
    assert reply.status_code == status, reply.text
    error = schema.check(schema.FAILURE, reply.json())["error"]
    assert error["code"] == code, error
    return dict(error)


async def run(rig: Rig, finished: Finished = MADE) -> None:
    """Run the next step to this end."""
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    assert await rig.worker.finish(claim, finished)
    await rig.settle()


async def beat(rig: Rig, claim: Claim, progress: float, preview: Preview | None = None) -> None:
    """What a worker says while it runs a step."""
    worker, prefix = rig.worker, rig.settings.queue_prefix
    with redis.Redis.from_url(rig.settings.redis_url) as client:
        heart = RedisHeartbeat(client, prefix=prefix, worker_id=worker.name, machine_id="m", lease=60)
        assert heart.beat([Beat(claim, progress=progress, message="SaveImage 3/5", preview=preview)]) == set()
    await rig.settle()
