"""A ComfyUI machine from end to end: the real api, a real worker, a server that speaks ComfyUI's protocol."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.apps import as_user, served
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.pictures import PNG
from tests.flows.conftest import System, worker_process
from tests.flows.test_workflow_types import make

from emprops.queue.catalogues import Catalogues
from emprops.settings import Settings


@pytest.fixture(scope="module")
async def machine() -> AsyncIterator[FakeComfyUI]:
    fake = FakeComfyUI(pictures={".png": PNG})
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        await fake.restart()


@pytest.fixture(scope="module")
async def worker(flow_settings: Settings, machine: FakeComfyUI) -> AsyncIterator[Process]:
    async with worker_process(
        flow_settings, EMPROPS_WORKER_CONNECTORS="comfyui", EMPROPS_COMFYUI_URL=machine.base
    ) as process:
        yield process


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


@pytest.mark.usefixtures("worker")
async def test_a_client_sees_what_is_being_made_and_then_the_result(system: System, machine: FakeComfyUI) -> None:
    await machine.renew()
    graph = {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
        "2": node("KSampler", steps=3),
        "3": node("Gate"),
        "9": node("SaveImage", in1=["1", 0], in2=["2", 0], in3=["3", 0]),
    }
    collection = await make(system, "comfy_workflow", {"workflow": graph}, {})
    job_id = await system.generate(collection, {"prompt": "a fox"})
    preview: dict[str, Any] = {}
    last: dict[str, Any] = {}
    async for name, data in system.events(job_id):
        if name == "job_preview":
            preview = data
            seen = await system.http.get(data["url"], headers=as_user(system.user_id))
            machine.gate.set()
        elif name == "job_update":
            last = data
    assert (preview["node"], preview["mime_type"]) == ("2", "image/png")
    assert (seen.content, seen.headers["content-type"]) == (PNG, "image/png")
    assert last["status"] == "completed", last["error_message"]
    assert (await system.file(last["workflow_output"])).content == PNG
    gone = await system.http.get(f"/api/jobs/{job_id}/preview", headers=as_user(system.user_id))
    assert gone.status_code == 404
    assert not [key async for key in system.redis.scan_iter("*preview:*")]


@pytest.mark.usefixtures("worker")
async def test_a_saved_workflow_is_converted_by_the_machine_and_runs_there(
    system: System, machine: FakeComfyUI
) -> None:
    await machine.renew()
    shown = Catalogues(system.redis, system.settings.queue_prefix)
    async with asyncio.timeout(60):  # the worker says every 5 s what its machine has
        while not await shown.all():  # noqa: ASYNC110 - another process shows it
            await asyncio.sleep(0.05)
    saved = {
        "nodes": [
            {"id": 1, "type": "ShowText", "widgets_values": ["a fox"], "inputs": []},
            {"id": 2, "type": "Note", "widgets_values": ["Says it."]},
            {"id": 9, "type": "SaveImage"},
        ],
        "links": [],
    }
    data = {"workflow": saved, "inputs": {"1": {"text": {"value": "prompt"}}}}
    collection = await make(system, "comfy_workflow", data, {"prompt": "{{prompt}}"})
    job = await system.finished(await system.generate(collection, {"prompt": "a {red|red} fox // or so"}))
    assert job["status"] == "completed", job["error_message"]
    (asked,) = machine.bodies("/prompt")
    assert asked["prompt"]["1"] == {"inputs": {"text": "a red fox "}, "class_type": "ShowText"}
    assert list(asked["prompt"]) == ["1", "9"]
    sent = asked["extra_data"]["extra_pnginfo"]["workflow"]
    assert [(item["type"], item.get("widgets_values")) for item in sent["nodes"]] == [
        ("ShowText", ["a red fox "]),
        ("Note", ["Says it."]),
        ("SaveImage", None),
    ]
    seen = await system.http.get(f"/api/jobs/{job['id']}/forensics", headers=as_user(system.user_id))
    assert "saved_workflow" not in seen.text
    assert "a red fox" in seen.text


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("allow_partial", [True, False])
async def test_a_graph_that_runs_in_part_is_a_result_only_where_that_is_wanted(
    system: System, machine: FakeComfyUI, *, allow_partial: bool
) -> None:
    await machine.renew()
    graph = {
        "1": node("KSampler", steps=0),
        "2": node("SaveImage", images=["1", 0]),
        "9": node("SaveImage"),
    }
    data = {"workflow": graph, "allow_partial": allow_partial, "form": {"fields": []}, "inputs": {}}
    collection = await make(system, "comfy_workflow", data, {})
    job = await system.finished(await system.generate(collection, {"prompt": "a fox"}))
    if not allow_partial:
        assert job["status"] == "failed"
        assert "Value 0 smaller than min of 1: steps" in job["error_message"]
        return
    assert (await system.file(job["workflow_output"])).content == PNG
    async with system.database.reader() as reader:
        (data,) = await reader.fetch_values("SELECT output_data FROM step WHERE job_id = %s", (job["id"],))
    assert [missing["node_id"] for missing in data["data"]["missing_nodes"]] == ["2"]
