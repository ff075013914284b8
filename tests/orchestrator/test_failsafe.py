"""Failsafe calls."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.factories import make_file
from tests.orchestrator.rig import FAILED, Rig, picture

from emprops.kit.ids import new_id
from emprops.orchestrator.change import failsafe

URL = "https://cdn.example.com/final.png"
COMPLETE: dict[str, Any] = {"outputs": [{"url": URL}], "metadata": {"source": "webhook"}, "workflow_output": URL}
DETAILS: dict[str, Any] = {"error_message": "The GPU ran out of memory", "error_details": {"node": 7}}


async def complete(rig: Rig, job_id: UUID, body: Any = None) -> dict[str, Any]:
    return await rig.ok(job_id, "complete", body or COMPLETE, **rig.service)


async def failed(rig: Rig, job_id: UUID, body: Any = None) -> dict[str, Any]:
    return await rig.ok(job_id, "failed", body or DETAILS, **rig.service)


async def test_complete_ends_the_job_with_everything_that_belongs_to_it(rig: Rig) -> None:
    job_id = await rig.start(steps=2, price=1)
    claim = await rig.worker.claim_one()
    await rig.settle()
    job = await complete(rig, job_id)
    assert job == await rig.job(job_id)
    assert (job["status"], job["progress"], job["workflow_output"]) == ("completed", 100, URL)
    assert job["data"]["outputs"] == COMPLETE["outputs"]
    assert job["data"]["metadata"] == COMPLETE["metadata"]
    assert job["data"]["variables"] == {}
    assert [step["status"] for step in await rig.steps(job_id)] == ["completed", "completed"]
    [output] = await rig.outputs(job_id)
    assert (output["status"], output["url"], output["mime_type"]) == ("completed", URL, "image/png")
    assert output["flat_file_id"] is None
    assert output["output_metadata"] == COMPLETE["metadata"]
    assert (await rig.history(job_id))[-1] == "Generation completed, as a service reported"
    assert await rig.entries(job_id) == ["hold", "capture"]

    await rig.dispatcher.flush()
    assert not await rig.worker.finish(claim, picture()), "a late report must be refused"
    assert await rig.worker.claim() == []
    assert await rig.job(job_id) == job


async def test_a_report_that_was_accepted_before_changes_nothing_after(rig: Rig) -> None:
    job_id = await rig.start()
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    job = await complete(rig, job_id)
    await rig.settle()
    assert await rig.job(job_id) == job
    assert [output["url"] for output in await rig.outputs(job_id)] == [URL]


async def test_our_own_file_is_recognised(rig: Rig) -> None:
    job_id = await rig.start()
    async with rig.database.transaction() as tx:
        file_id = await make_file(tx, key="generations/mine.mp4", mime_type="video/mp4")
    url = f"{rig.settings.base_url}/files/generations/mine.mp4"
    await complete(rig, job_id, COMPLETE | {"workflow_output": url})
    [output] = await rig.outputs(job_id)
    assert (output["flat_file_id"], output["url"], output["mime_type"]) == (file_id, url, "video/mp4")


async def test_other_generations_show_what_their_steps_gave(rig: Rig) -> None:
    job_id = await rig.start(generations=2)
    await rig.run(picture("first"))
    await complete(rig, job_id, COMPLETE | {"outputs": None})
    shown = [output["url"].rpartition("/")[2] for output in await rig.outputs(job_id)]
    assert shown == ["first.png", "final.png"]
    assert [one["generation"] for one in (await rig.job(job_id))["data"]["outputs"]] == [0, 1]


async def test_failed_ends_the_job(rig: Rig) -> None:
    job_id = await rig.start(steps=2, price=1)
    job = await failed(rig, job_id)
    assert job == await rig.job(job_id)
    assert (job["status"], job["error_message"]) == ("failed", DETAILS["error_message"])
    assert job["data"]["error_details"] == {"node": 7}
    assert [step["status"] for step in await rig.steps(job_id)] == ["failed", "failed"]
    assert [o["error_message"] for o in await rig.outputs(job_id)] == [DETAILS["error_message"]]
    assert (await rig.history(job_id))[-1] == DETAILS["error_message"]
    assert await rig.entries(job_id) == ["hold", "release"]
    await rig.dispatcher.flush()
    assert await rig.worker.claim() == []


@pytest.mark.parametrize("what", ["complete", "failed"])
async def test_twenty_identical_calls_at_once(rig: Rig, what: str) -> None:
    """Row 5."""
    job_id = await rig.start(price=1)
    body = COMPLETE if what == "complete" else DETAILS
    before = len(await rig.history(job_id))
    answers = await asyncio.gather(*(rig.ok(job_id, what, body, **rig.service) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await rig.history(job_id)) == before + 1
    assert await rig.entries(job_id) == ["hold", "capture" if what == "complete" else "release"]
    assert len(await rig.outputs(job_id)) == 1


async def test_success_never_regresses(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    done = await complete(rig, job_id)
    assert await failed(rig, job_id) == done
    assert await complete(rig, job_id, COMPLETE | {"workflow_output": "https://cdn.example.com/other.png"}) == done
    assert await rig.entries(job_id) == ["hold", "capture"]


async def test_success_counts_after_a_failure(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    await rig.run(FAILED)
    job = await complete(rig, job_id)
    assert (job["status"], job["error_message"], job["workflow_output"]) == ("completed", None, URL)
    assert await rig.entries(job_id) == ["hold", "release", "hold", "capture"]
    assert [output["status"] for output in await rig.outputs(job_id)] == ["completed"]


async def test_a_second_failure_keeps_the_first_reason(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.run(FAILED)
    assert (await failed(rig, job_id))["error_message"] == FAILED.error


async def test_opposite_calls_at_once_end_in_success(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    await asyncio.gather(*(f(rig, job_id) for f in [complete, failed] * 5))
    assert (await rig.job(job_id))["status"] == "completed"
    assert (await rig.entries(job_id))[-1] == "capture"


async def test_the_call_comes_before_the_workers_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    job, _ = await rig.race(
        complete(rig, job_id), failsafe, "succeed", lambda: rig.orchestrator.process(reports), monkeypatch
    )
    assert (await rig.job(job_id))["workflow_output"] == job["workflow_output"] == URL
    assert await rig.entries(job_id) == ["hold", "capture"]
    assert "Generation completed" not in await rig.history(job_id)


async def test_the_call_comes_after_the_workers_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    _, job = await rig.race(
        rig.orchestrator.process(reports), rig.orchestrator, "_settle", lambda: complete(rig, job_id), monkeypatch
    )
    assert job["workflow_output"].endswith("/files/generations/a.png")
    assert await rig.entries(job_id) == ["hold", "capture"]
    assert len(await rig.outputs(job_id)) == 1


BAD: list[tuple[str, Any, str]] = [
    ("complete", {"workflow_output": URL}, "outputs"),
    ("complete", {"outputs": []}, "workflow_output"),
    ("complete", {"outputs": [], "workflow_output": ""}, "workflow_output"),
    ("complete", {"outputs": [], "workflow_output": "   "}, "workflow_output"),
    ("complete", {"outputs": [], "workflow_output": "javascript:alert(1)"}, "workflow_output"),
    ("complete", {"outputs": [], "workflow_output": None}, "workflow_output"),
    ("complete", {"outputs": [], "workflow_output": "https://x/" + "y" * 5_000}, "workflow_output"),
    ("failed", {}, "error_message"),
    ("failed", {"error_message": " "}, "error_message"),
    ("failed", {"error_message": 5}, "error_message"),
]


@pytest.mark.parametrize(("what", "body", "field"), BAD)
async def test_bad_bodies(rig: Rig, what: str, body: Any, field: str) -> None:
    job_id = await rig.start(send=False)
    assert field in await rig.refused(job_id, what, body, **rig.service)
    assert (await rig.job(job_id))["status"] == "pending"


async def test_a_long_reason_is_cut(rig: Rig) -> None:
    job_id = await rig.start(send=False)
    assert len((await failed(rig, job_id, {"error_message": "x" * 50_000}))["error_message"]) == 10_000


@pytest.mark.parametrize(("what", "body"), [("complete", COMPLETE), ("failed", DETAILS)])
async def test_for_services_only(rig: Rig, what: str, body: Any) -> None:
    job_id = await rig.start(send=False)
    assert (await rig.post(job_id, what, body, **as_user(rig.user_id))).status_code == 401
    assert (await rig.post(new_id(), what, body, **rig.service)).status_code == 404
    assert (await rig.job(job_id))["status"] == "pending"
