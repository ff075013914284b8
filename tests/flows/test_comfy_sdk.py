"""The official SDK of Comfy API v2 with nothing changed but address and key: the real api, a real worker, a server that
speaks ComfyUI's protocol."""

import asyncio
import io
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from comfy_sdk import AsyncComfy, Comfy, exceptions
from comfy_sdk.events import Log, OutputReady, Preview, Progress, StatusChange
from tests.apps import served
from tests.connectors.comfyui.rig import SOURCE
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.pictures import PNG
from tests.flows.conftest import System, worker_process
from tests.flows.test_comfyui import node
from tests.walkthrough import DOCS, file_of

from emprops.auth import store as auth
from emprops.auth.keys import make_key
from emprops.auth.store import ensure_user
from emprops.queue.fleet import Fleet
from emprops.settings import Settings
from emprops.workflows.machines import MACHINES, remembered_machines


@pytest.fixture(scope="module")
async def machine() -> AsyncIterator[FakeComfyUI]:
    fake = FakeComfyUI(pictures={".png": PNG, ".wav": b"RIFF\x24\0\0\0WAVEfmt "})
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


@pytest.fixture
async def comfy(
    system: System, machine: FakeComfyUI, worker: Process, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncComfy]:
    """A client of a user."""
    await machine.renew()
    key = make_key()
    async with system.database.transaction() as tx:
        await ensure_user(tx, system.user_id)
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="sdk", scopes=["service"], owner=system.user_id, life=None
        )
    monkeypatch.setenv("COMFY_BASE_URL", str(system.http.base_url))
    async with AsyncComfy(api_key=key.text) as client:
        yield client


GRAPH = {
    "1": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
    "2": node("KSampler", steps=3),
    "9": node("SaveImage", in1=["1", 0], in2=["2", 0], batch=2),
}


async def test_a_graph_runs_and_its_results_come(comfy: AsyncComfy, system: System, tmp_path: Path) -> None:
    job = await comfy.run(comfy.workflows.from_json(GRAPH))
    assert job.status == "succeeded"
    first, second = job.outputs
    assert (first.node_id, first.name, first.type) == ("9", "img_9_00001_.png", "image")
    assert (first.content_type, first.size_bytes, first.job_id) == ("image/png", len(PNG), job.id)
    assert await first.to_bytes() == PNG
    assert await second.to_bytes(range=(1, 3)) == PNG[1:4]
    assert (await second.to_file(tmp_path / "b.png")).read_bytes() == PNG
    stream = io.BytesIO()
    assert await first.to_stream(stream) == len(PNG)
    url = await first.get_download_url()
    assert url.url == f"{system.http.base_url}/api/v2/assets/{first.id}/content"
    assert job.get_outputs("2") == []
    workflow = await job.get_workflow()
    assert (workflow.format, workflow.graph) == ("api", GRAPH)
    again = await comfy.jobs.get(job.id)
    assert [output.id for output in again.outputs] == [first.id, second.id]


async def test_what_happens_meanwhile_is_told(comfy: AsyncComfy, machine: FakeComfyUI) -> None:
    graph = {**GRAPH, "3": node("Gate"), "9": node("SaveImage", in1=["2", 0], in2=["3", 0])}
    job = await comfy.submit(comfy.workflows.from_json(graph))
    assert job.status == "queued"
    seen: list[object] = []
    async for event in job.events():
        seen.append(event)
        if isinstance(event, Preview):
            assert (event.node_id, event.data) == ("2", PNG)
            assert event.to_pil().size
            machine.gate.set()
    states = [event.status for event in seen if isinstance(event, StatusChange)]
    assert states[-2:] == ["running", "succeeded"]
    assert [event.output.name for event in seen if isinstance(event, OutputReady)] == ["img_9_00001_.png"]
    told = [event for event in seen if isinstance(event, Progress)]
    values = [event.value for event in told]
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert ("3", "Gate") in [(event.current_node, event.message) for event in told]
    assert "Generation completed" in [event.message for event in seen if isinstance(event, Log)]
    assert (await job.refresh()).status == "succeeded"


async def test_a_running_job_is_cancelled(comfy: AsyncComfy, machine: FakeComfyUI) -> None:
    job = await comfy.submit(comfy.workflows.from_json({"3": node("Gate"), "9": node("SaveImage", in1=["3", 0])}))
    await machine.at_gate.wait()
    assert (await job.cancel()).status == "canceled"
    async with asyncio.timeout(30):
        await machine.interrupted.wait()
    assert (await job.wait()).status == "canceled"
    with pytest.raises(exceptions.JobFailed):
        await job.result()
    assert (await job.cancel()).status == "canceled"


async def test_a_failure_names_the_node(comfy: AsyncComfy) -> None:
    graph = {"2": node("Boom", type="ValueError", message="too small"), "9": node("SaveImage", in1=["2", 0])}
    with pytest.raises(exceptions.JobFailed) as caught:
        await comfy.run(comfy.workflows.from_json(graph))
    error = caught.value.error
    assert (error.code, error.node_id, error.class_type) == ("node_execution_error", "2", "Boom")
    assert "too small" in error.message


async def test_texts_come_and_previews_do_not(comfy: AsyncComfy) -> None:
    graph = {"1": node("ShowText", text="hé"), "2": node("ShowText", text="a fox"), "3": node("PreviewImage")}
    job = await comfy.run(comfy.workflows.from_json(graph))
    first, second = job.outputs
    assert [(one.node_id, one.type, one.content_type) for one in job.outputs] == [
        ("1", "text", "text/plain"),
        ("2", "text", "text/plain"),
    ]
    assert (await first.to_bytes()).decode() == "hé"
    assert (await second.to_bytes(), second.size_bytes) == (b"a fox", 5)


async def test_labels_and_lists(comfy: AsyncComfy) -> None:
    workflow = comfy.workflows.from_json(GRAPH)
    for client in ("acme", "acme", "other"):
        job = await comfy.submit(workflow, metadata={"client": client})
        assert job.metadata == {"client": client}
        await job.cancel()
    listed = [summary async for summary in comfy.list_jobs(limit=2)]
    assert [summary.metadata["client"] for summary in listed] == ["other", "acme", "acme"]
    assert all(summary.create_time and summary.update_time for summary in listed)
    found = [summary.id async for summary in comfy.list_jobs(metadata={"client": "other"}, limit=1)]
    assert found == [listed[0].id]


async def test_a_key_counts_once(comfy: AsyncComfy) -> None:
    workflow = comfy.workflows.from_json(GRAPH)
    await comfy.submit(workflow, idempotency_key="order-7")
    with pytest.raises(exceptions.IdempotencyKeyReuse):
        await comfy.submit(workflow, idempotency_key="order-7")


async def test_refusals(comfy: AsyncComfy, system: System) -> None:
    fleet = Fleet(system.redis, system.settings.queue_prefix)
    async with asyncio.timeout(60):  # the worker says every 5 s what its machine has
        while not await fleet.workers():  # noqa: ASYNC110 - another process says it
            await asyncio.sleep(0.05)
    MACHINES.attach(system.app, remembered_machines())
    with pytest.raises(exceptions.InvalidWorkflow) as caught:
        await comfy.submit(comfy.workflows.from_json({**GRAPH, "5": node("Nope")}))
    assert caught.value.details["node_errors"]["5"][0]["reason"] == "unknown_node_class"
    with pytest.raises(exceptions.NotFound):
        await comfy.jobs.get("00000000-0000-4000-8000-000000000000")
    with pytest.raises(exceptions.ComfyError) as labels:
        await comfy.submit(comfy.workflows.from_json(GRAPH), metadata={"k" * 65: "x"})
    assert labels.value.code == "metadata_invalid"


@pytest.mark.usefixtures("comfy")
async def test_who_has_no_key_is_told_so() -> None:
    async with AsyncComfy(api_key=make_key().text) as stranger:
        with pytest.raises(exceptions.ComfyError) as caught:
            await stranger.submit(stranger.workflows.from_json(GRAPH))
    assert (caught.value.code, caught.value.http_status) == ("unauthorized", 401)


async def test_the_client_without_async(comfy: AsyncComfy, machine: FakeComfyUI) -> None:
    def use() -> tuple[str, bytes]:
        with Comfy(api_key=comfy._low._p.api_key) as client:
            job = client.run(client.workflows.from_json(GRAPH))
            return job.status, job.outputs[0].to_bytes()

    assert await asyncio.to_thread(use) == ("succeeded", PNG)


async def test_a_picture_is_brought_once_and_loaded(comfy: AsyncComfy, machine: FakeComfyUI, tmp_path: Path) -> None:
    source = tmp_path / "harbour.png"
    source.write_bytes(SOURCE)
    workflow = comfy.workflows.from_json({"1": node("LoadImage"), "9": node("SaveImage", images=["1", 0])})
    workflow.set_input("1", "image", comfy.assets.from_file(source))
    job = await comfy.run(workflow)
    assert job.status == "succeeded"
    (name,) = machine.inputs
    assert machine.inputs[name] == SOURCE
    (asked,) = [body for body in machine.bodies("/prompt") if body]  # without those that only look at its queue
    assert asked["prompt"]["1"]["inputs"] == {"image": name}
    sent = (await job.get_workflow()).graph["1"]["inputs"]["image"]
    assert sent["info"]["file_path"] == "harbour.png"
    again = comfy.assets.from_bytes(SOURCE, filename="other.png")
    assert await again.commit() == sent["info"]["id"]
    assert again.created_new is False
    known = await comfy.assets.get(sent["info"]["id"])
    assert (known.hash, known.created_new) == (sent["info"]["hash"], None)
    url = await known.get_download_url()
    assert url.url.endswith(f"/api/v2/assets/{sent['info']['id']}/content")
    await comfy.assets.delete(sent["info"]["id"])
    with pytest.raises(exceptions.NotFound):
        await comfy.assets.get(sent["info"]["id"])
    with pytest.raises(exceptions.MissingAsset):
        await comfy.submit(comfy.workflows.from_json((await job.get_workflow()).graph))


async def test_a_result_is_the_next_input(comfy: AsyncComfy, machine: FakeComfyUI) -> None:
    first = await comfy.run(comfy.workflows.from_json(GRAPH))
    workflow = comfy.workflows.from_json({"1": node("LoadImage"), "9": node("SaveImage", images=["1", 0])})
    workflow.set_input("1", "image", await comfy.assets.get(first.outputs[0].id))
    assert (await comfy.run(workflow)).status == "succeeded"
    assert list(machine.inputs.values()) == [PNG]


async def test_the_page_tells_the_truth(
    comfy: AsyncComfy, machine: FakeComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = {
        "6": node("ShowText", text="…"),
        "10": node("LoadImage", image="example.png"),
        "12": node("SaveImage", in1=["10", 0]),
    }
    (tmp_path / "workflow_api.json").write_text(json.dumps(graph))
    (tmp_path / "harbour.png").write_bytes(SOURCE)
    monkeypatch.setenv("COMFY_API_KEY", str(comfy._low._p.api_key))
    program = file_of((DOCS / "how-to/use-comfy-sdk.md").read_text(), "python")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=tmp_path)
    assert await process.wait() == 0
    assert (tmp_path / "img_12_00001_.png").read_bytes() == PNG
    assert (tmp_path / "text_00001_.txt").read_text() == "a quiet harbour at dawn"
    assert list(machine.inputs.values()) == [SOURCE]
