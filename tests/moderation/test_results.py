"""Results are seen by nobody before they are judged."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.fakes.moderation import FakeModeration
from tests.moderation.conftest import Moderate
from tests.moderation.test_start import BLOCK, REVIEW, decide, generate, reviews
from tests.orchestrator.rig import Rig, picture

from emprops.jobs.stale_store import stalled_jobs
from emprops.moderation.moderator import Moderator, moderator_from
from emprops.orchestrator.change.verdict import check_results


async def made(rig: Rig, **options: Any) -> UUID:
    """A job whose work is done."""
    started = (await generate(rig, **options)).json()["data"]
    await rig.dispatcher.flush()
    await rig.run(picture())
    return UUID(started["jobId"])


async def unseen(rig: Rig, job_id: UUID) -> None:
    """The owner sees nothing of what was made, wherever they look."""
    job = await rig.job(job_id)
    shown = [job]
    for path in (f"/api/jobs/{job_id}/history", f"/api/jobs/{job_id}/forensics", "/outputs", f"/api/jobs/{job_id}"):
        shown.append((await rig.client.get(path, headers=as_user(rig.user_id))).json())
    assert "generations/a.png" not in str(shown)
    assert (await rig.client.get(f"/api/jobs/{job_id}/output", headers=as_user(rig.user_id))).status_code == 404


async def check(rig: Rig, moderator: Moderator) -> None:
    await rig.execute("UPDATE outbox SET next_at = now()")
    await check_results(rig.dispatcher, moderator)


async def test_results_are_shown_once_they_are_allowed(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderator = moderate(moderation_stages="results")
    job_id = await made(rig, price=1)
    job = await rig.job(job_id)
    assert (job["status"], job["review"]) == ("processing", None)
    await unseen(rig, job_id)
    await check(rig, moderator)
    (asked,) = judge.asked
    assert (asked["stage"], asked["job_id"]) == ("results", str(job_id))
    assert asked["files"][0].endswith("generations/a.png")
    assert (await rig.job(job_id))["status"] == "completed"
    assert [row["state"] for row in await rig.rows("SELECT state FROM credit_hold")] == ["captured"]
    assert await rig.history(job_id) == [
        "Job created",
        "Node step 1 started",
        "Node step 1 completed",
        "The results are being checked",
        "Generation completed",
    ]


async def test_blocked_results_fail_the_job_and_are_never_shown(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderator = moderate()
    judge.results = BLOCK
    job_id = await made(rig, price=1)
    await check(rig, moderator)
    job = await rig.job(job_id)
    assert (job["status"], job["error_message"]) == ("failed", "No harbours, please.")
    assert [row["state"] for row in await rig.rows("SELECT state FROM credit_hold")] == ["released"]
    await unseen(rig, job_id)
    await rig.ok(job_id, "retry")  # everything had finished: the same results are judged again
    assert (await rig.job(job_id))["status"] == "pending"
    await unseen(rig, job_id)
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "failed"


@pytest.mark.parametrize("decision", ["release", "block"])
async def test_held_results_wait_for_a_decision(
    rig: Rig, moderate: Moderate, judge: FakeModeration, decision: str
) -> None:
    moderator = moderate()
    judge.results = REVIEW
    job_id = await made(rig)
    await check(rig, moderator)
    assert (await rig.job(job_id))["review"] == "results"
    await unseen(rig, job_id)
    await rig.execute("UPDATE job SET updated_at = now() - interval '1 day'")
    async with rig.database.reader() as reader:
        assert await stalled_jobs(reader, stale_after=60, limit=10) == []
    (held,) = await reviews(rig)
    shown = (await rig.client.get(f"/moderation/reviews/{held['id']}", headers=rig.service)).json()["data"]
    assert shown["files"][0].endswith("generations/a.png")
    assert (await decide(rig, held["id"], decision)).status_code == 200
    job = await rig.job(job_id)
    if decision == "release":
        assert (job["status"], job["review"]) == ("completed", None)
        assert (await rig.ok_output(job_id))["outputs"]
    else:
        assert (job["status"], job["error_message"]) == ("failed", "This is not allowed here.")
        await unseen(rig, job_id)


async def test_results_wait_while_nobody_answers(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderator = moderate(moderation_stages="results")
    judge.status = 500
    job_id = await made(rig)
    for _ in range(3):
        await check(rig, moderator)
        assert (await rig.job(job_id))["status"] == "processing"
    judge.status = 200
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "completed"


async def test_results_are_shown_unjudged_if_the_operator_wants_that(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderator = moderate(moderation_stages="results", moderation_outage="open")
    judge.status = 500
    job_id = await made(rig)
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "completed"


async def test_reconciling_shows_nothing_before_its_time(rig: Rig, moderate: Moderate) -> None:
    moderator = moderate()
    job_id = await made(rig)
    await rig.execute("UPDATE job SET updated_at = now() - interval '1 day'")
    await rig.orchestrator.resume([job_id])
    assert (await rig.job(job_id))["status"] == "processing"
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "completed"


async def test_a_cancelled_job_is_not_completed_by_a_late_verdict(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderator = moderate(moderation_stages="results")
    job_id = await made(rig)
    await rig.ok(job_id, "cancel")
    await check(rig, moderator)
    assert judge.asked == []
    assert (await rig.job(job_id))["status"] == "failed"


async def test_a_late_verdict_is_not_about_the_next_attempt(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderator = moderate(moderation_stages="results")
    job_id = await made(rig)
    judge.release = asyncio.Event()
    checking = asyncio.create_task(check(rig, moderator))
    await judge.waiting.wait()
    await rig.ok(job_id, "cancel")
    await rig.execute("UPDATE step SET output_data = NULL")  # so that it has to be made again
    await rig.ok(job_id, "retry")
    judge.release.set()
    await checking
    assert (await rig.job(job_id))["status"] == "pending"
    await rig.dispatcher.flush()
    await rig.run(picture())
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "completed"
    assert len(judge.asked) == 2


async def test_a_process_without_the_settings_shows_nothing_unjudged(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderate(moderation_stages="results")
    job_id = await made(rig)
    await check(rig, moderator_from(rig.settings))
    assert (await rig.job(job_id))["status"] == "processing"
    await unseen(rig, job_id)
    await check(rig, moderator_from(rig.settings.model_copy(update={"moderation_outage": "open"})))
    assert (await rig.job(job_id))["status"] == "completed"


async def test_blocked_results_stay_hidden_when_their_collection_is_checked_no_more(
    rig: Rig, moderate: Moderate, judge: FakeModeration
) -> None:
    moderator = moderate(moderation_stages="results")
    judge.results = BLOCK
    job_id = await made(rig)
    await check(rig, moderator)
    moderate(moderation_stages="none")
    await rig.ok(job_id, "retry")
    await unseen(rig, job_id)
    await check(rig, moderator)
    assert (await rig.job(job_id))["status"] == "failed"


async def test_what_a_service_completes_is_held_no_more(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderator = moderate(moderation_stages="results")
    judge.results = REVIEW
    job_id = await made(rig)
    await check(rig, moderator)
    body = {"workflow_output": "https://cdn.example.com/a.png", "outputs": None}
    reply = await rig.client.post(f"/api/jobs/{job_id}/complete", json=body, headers=rig.service)
    assert reply.status_code == 200, reply.text
    job = await rig.job(job_id)
    assert (job["status"], job["review"]) == ("completed", None)
    seen = await rig.client.get(f"/api/jobs/{job_id}/forensics", headers=as_user(rig.user_id))
    assert seen.json()["job"]["steps"][0]["output_data"]
