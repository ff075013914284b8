"""Every type of workflow, from its definition over the api to the queue; fetch_api to its stored file."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from tests.apps import served
from tests.fakes.http_api import FakeApi, Reply
from tests.flows.conftest import System, worker_process
from tests.workflows.graphs import TEXT_TO_IMAGE, UPSCALER

from emprops.queue.keys import KEYS
from emprops.queue.messages import Requirements, Ticket
from emprops.settings import Settings

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf50f0000382018023a9b1b60000000049454e44ae426082"
)
SECRET = "sk-flow-0123456789"
FORM = {"fields": [{"id": "prompt", "type": "prompt_editor", "required": True}]}


async def make(system: System, kind: str, data: Any, fields: dict[str, Any], **more: Any) -> str:
    """A workflow and a collection that uses it; the collection's id."""
    workflow = {"name": f"my_{kind}", "label": "", "description": "", "type": kind, "data": data} | more
    response = await system.post("/api/workflows", {"output_mime_type": "image/png"} | workflow)
    assert response.status_code == 201, response.text
    recipe = {
        "version": "v2",
        "steps": [{"id": 1, "nodeName": f"my_{kind}", "nodePayload": fields}],
        "variables": [{"name": "prompt", "type": "text", "value_type": "strings"}],
    }
    response = await system.post("/api/collections", {"title": kind, "data": recipe})
    assert response.status_code == 201, response.text
    return str(response.json()["data"]["id"])


async def ticket_of(system: System, job_id: str) -> Ticket:
    """The ticket of a job's only step, as it lies in Redis."""
    async with system.database.reader() as reader:
        (step,) = await reader.fetch_values("SELECT id FROM step WHERE job_id = %s", (job_id,))
    # The api has answered; the ticket leaves right after.
    while True:
        raw = await system.redis.hget(f"{system.settings.queue_prefix}{KEYS.ticket}{step}", "body")
        if raw is not None:
            return Ticket.from_bytes(raw)


@pytest.fixture(scope="module")
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture(scope="module")
async def fetching_worker(flow_settings: Settings, api: FakeApi) -> AsyncIterator[Process]:
    place = urlsplit(api.base).netloc
    async with worker_process(
        flow_settings,
        EMPROPS_WORKER_CONNECTORS="fetch_api",
        EMPROPS_OUTBOUND_ALLOW=place,
        EMPROPS_SECRET_VIDEO_API_KEY=SECRET,
        EMPROPS_SECRET_VIDEO_API_KEY_HOSTS=place,
    ) as process:
        yield process


@pytest.mark.usefixtures("fetching_worker")
async def test_fetch_api_from_definition_to_file(system: System, api: FakeApi) -> None:
    api.on("/v1/videos", Reply(201, {"id": "t1"}))
    running = Reply(body={"status": "RUNNING"})
    api.on("/v1/tasks/t1", running, Reply(body={"status": "DONE", "output": [f"{api.base}/out"]}))
    api.on("/out", Reply(body=PNG, mime_type="image/png"))
    definition = {
        "form": FORM,
        "inputs": [{"id": "prompt", "pathJq": ".promptText", "is_required": True}],
        "api": {
            "url": f"{api.base}/v1/videos",
            "method": "POST",
            "headers": {"Authorization": "Bearer {{VIDEO_API_KEY}}"},
            "successResponseCode": [200, 201],
            "fetchType": "polling",
            "polling": {
                "url": f"{api.base}/v1/tasks/{{{{id}}}}",
                "params": {"id": {"exprJq": ".id"}},
                "continueWhenExpr": '.status == "RUNNING"',
                "outputExprJq": ".output[]",
                "interval": 0.5,
            },
        },
        "body": {"model": "gen4"},
    }
    collection = await make(system, "fetch_api", definition, {"prompt": "{{prompt}}"})
    prompt = "a fox says {{VIDEO_API_KEY}}"
    job = await system.finished(await system.generate(collection, {"prompt": prompt}))
    assert job["status"] == "completed", job["error_message"]
    stored = await system.file(job["workflow_output"])
    assert (stored.content, stored.headers["content-type"]) == (PNG, "image/png")
    (asked,) = api.asked_for("/v1/videos")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.body == {"model": "gen4", "promptText": prompt}
    async with system.database.reader() as reader:
        rows = await reader.fetch_values("SELECT step::text FROM step UNION ALL SELECT job::text FROM job")
    assert SECRET not in str(rows)
    redis_values = [await system.redis.dump(key) or b"" for key in await system.redis.keys("*")]
    assert not any(SECRET.encode() in value for value in redis_values)


async def test_a_graph_waits_for_a_machine_with_its_models(system: System) -> None:
    await system.post("/api/models", {"name": UPSCALER})
    await system.post("/api/custom-nodes", {"name": "KJNodes"})
    collection = await make(
        system, "comfy_workflow", TEXT_TO_IMAGE, {"prompt": "{{prompt}}", "steps": 30}, custom_nodes=["KJNodes"]
    )
    ticket = await ticket_of(system, await system.generate(collection, {"prompt": "a fox"}))
    assert ticket.job_type == "comfyui"
    assert ticket.requirements == Requirements(models=(UPSCALER,), custom_nodes=("KJNodes",))
    graph = ticket.payload["workflow"]
    assert graph["6"]["inputs"]["text"] == "a fox"
    assert graph["3"]["inputs"]["steps"] == 30
    assert graph["3"]["inputs"]["seed"] != TEXT_TO_IMAGE["3"]["inputs"]["seed"], "each generation has its own"
    assert graph["4"] == TEXT_TO_IMAGE["4"]


async def test_a_template_is_queued_as_its_job_type(system: System) -> None:
    template = {
        "template": {"prompt": "Draw {{thing}}", "n": "{{n}}"},
        "variable_types": {"thing": {"type": "text", "required": True}, "n": {"type": "number", "default": 2}},
        "job_type": "stability_api",
    }
    collection = await make(system, "dynamic_json", template, {"thing": "{{prompt}}"})
    ticket = await ticket_of(system, await system.generate(collection, {"prompt": 'a "fox"'}))
    assert (ticket.job_type, ticket.payload) == ("stability_api", {"prompt": 'Draw a "fox"', "n": 2})


@pytest.mark.usefixtures("shared_worker")
async def test_a_direct_job_and_a_held_value_run_on_the_local_engine(system: System) -> None:
    direct = {
        "form": FORM,
        "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
        "job": {"service_required": "local_image", "payload": {"width": 256, "height": 256}},
    }
    await make(system, "direct_job", direct, {"prompt": "{{prompt}}"})
    await make(system, "basic", {"form": FORM}, {"prompt": "{{prompt}}"})
    recipe = {
        "version": "v2",
        "steps": [
            {"id": 1, "nodeName": "my_basic", "nodePayload": {"prompt": "{{prompt}} at dawn"}},
            {"id": 2, "nodeName": "my_direct_job", "nodePayload": {"prompt": {"$ref": 1}}},
        ],
        "variables": [{"name": "prompt", "type": "text", "value_type": "strings"}],
    }
    response = await system.post("/api/collections", {"title": "Both", "data": recipe})
    assert response.status_code == 201, response.text
    job = await system.finished(await system.generate(response.json()["data"]["id"], {"prompt": "a harbour"}))
    assert job["status"] == "completed", job["error_message"]
    async with system.database.reader() as reader:
        payload = await reader.fetch_value("SELECT input_data FROM step WHERE job_id = %s", (job["id"],))
    assert orjson.loads(orjson.dumps(payload))["prompt"] == "a harbour at dawn"
    stored = await system.file(job["workflow_output"])
    assert stored.headers["content-type"] == "image/png"
