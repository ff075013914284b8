"""OpenAI and Stability, from a definition to the stored result: the real api, a real worker, fake services."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.apps import served
from tests.fakes import openai, stability
from tests.fakes.pictures import PNG
from tests.flows.conftest import System, worker_process
from tests.flows.test_workflow_types import FORM, make

from emprops.settings import Settings


@pytest.fixture(scope="module")
async def talker() -> AsyncIterator[openai.FakeOpenAI]:
    fake = openai.FakeOpenAI()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture(scope="module")
async def painter() -> AsyncIterator[stability.FakeStability]:
    fake = stability.FakeStability()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture(scope="module")
async def worker(
    flow_settings: Settings, talker: openai.FakeOpenAI, painter: stability.FakeStability
) -> AsyncIterator[Process]:
    async with worker_process(
        flow_settings,
        EMPROPS_WORKER_CONNECTORS="openai,stability",
        EMPROPS_OPENAI_API_KEY=openai.KEY,
        EMPROPS_OPENAI_BASE_URL=f"{talker.base}/v1",
        EMPROPS_STABILITY_API_KEY=stability.KEY,
        EMPROPS_STABILITY_BASE_URL=painter.base,
    ) as process:
        yield process


async def started(system: System, job_type: str, payload: dict[str, Any]) -> str:
    """The job of a workflow that puts its prompt into such a payload."""
    direct = {
        "form": FORM,
        "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
        "job": {"service_required": job_type, "payload": payload},
    }
    collection = await make(system, "direct_job", direct, {"prompt": "{{prompt}}"})
    return await system.generate(collection, {"prompt": "a fox"})


async def generated(system: System, job_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The same job, finished."""
    return await system.finished(await started(system, job_type, payload))


@pytest.mark.usefixtures("worker")
async def test_a_text(system: System) -> None:
    job = await generated(system, "openai_chat", {"model": "gpt-test"})
    assert job["status"] == "completed", job["error_message"]
    stored = await system.file(job["workflow_output"])
    assert (stored.text, stored.headers["content-type"].partition(";")[0]) == ("A red fox.", "text/plain")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("job_type", ["openai_image", "stability_api"])
async def test_a_picture(system: System, job_type: str) -> None:
    job = await generated(system, job_type, {"output_format": "png"})
    assert job["status"] == "completed", job["error_message"]
    stored = await system.file(job["workflow_output"])
    assert (stored.content, stored.headers["content-type"]) == (PNG, "image/png")


@pytest.mark.usefixtures("worker")
async def test_a_refusal_is_told_and_not_repeated(system: System, painter: stability.FakeStability) -> None:
    painter.reset()
    painter.finish_reason = "CONTENT_FILTERED"
    job = await generated(system, "stability_api", {})
    assert job["status"] == "failed"
    assert "refused the content" in job["error_message"]
    assert len(painter.asked) == 1


async def failed_once(system: System, job_id: str) -> dict[str, Any]:
    """The job as the api shows it while its step waits for the second try."""
    async for name, data in system.events(job_id):
        if name == "job_history" and "will be tried again" in data["message"]:
            break
    return dict(await system.get(f"/api/jobs/{job_id}"))


@pytest.mark.usefixtures("worker")
async def test_a_job_says_when_its_step_is_tried_again(system: System, painter: stability.FakeStability) -> None:
    painter.reset()
    painter.fault, painter.at, painter.retry_after = "429", stability.GENERATE, 900
    job = await failed_once(system, await started(system, "stability_api", {}))
    painter.reset()
    assert job["status"] == "processing"
    # Redis began to count after the job came, and before the step's failure was recorded
    failed_at = datetime.fromisoformat(job["queue"]["retry_at"]) - timedelta(seconds=900)
    assert datetime.fromisoformat(job["created_at"]) < failed_at <= datetime.fromisoformat(job["updated_at"])
    assert job["queue"]["retry_at"].endswith("Z")
    cancelled = await system.post(f"/api/jobs/{job['id']}/cancel", None)
    assert cancelled.json()["data"]["queue"] is None
