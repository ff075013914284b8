"""What comes through the door is judged like everything else."""

from uuid import UUID

from tests.comfy_api.door import GRAPH, ask, job_of, refusal, run, submit
from tests.fakes.moderation import FakeModeration
from tests.moderation.conftest import Moderate, judge, moderate, service
from tests.moderation.test_results import check
from tests.moderation.test_start import BLOCK, REVIEW, decide, reviews
from tests.orchestrator.rig import Rig

__all__ = ["judge", "moderate", "service"]


async def test_a_graph_is_judged_before_it_starts(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderate()
    said = {**GRAPH, "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}}}
    await submit(rig, said)
    (asked,) = judge.asked
    assert (asked["stage"], asked["user_id"], asked["variables"]) == ("start", str(rig.user_id), {"workflow": said})
    assert "a fox" in asked["texts"]
    judge.start = BLOCK
    before = await rig.rows("SELECT FROM job")
    error = refusal(await ask(rig, "POST", "/jobs", {"workflow": GRAPH}), 403, "forbidden")
    assert error["message"] == BLOCK["reason"]
    assert await rig.rows("SELECT FROM job") == before


async def test_what_is_to_be_looked_at_waits(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderate(moderation_stages="start")
    judge.start = REVIEW
    job = await submit(rig)
    await rig.dispatcher.flush()
    assert await rig.worker.claim() == []
    assert (await job_of(rig, job["id"]))["status"] == "queued"
    (review,) = await reviews(rig)
    assert (await decide(rig, review["id"], "release")).status_code == 200
    await run(rig)
    assert (await job_of(rig, job["id"]))["status"] == "succeeded"


async def test_results_are_seen_once_they_are_judged(rig: Rig, moderate: Moderate, judge: FakeModeration) -> None:
    moderator = moderate(moderation_stages="results")
    job = await submit(rig)
    await run(rig)
    waiting = await job_of(rig, job["id"])
    assert (waiting["status"], waiting["outputs"]) == ("running", [])
    await check(rig, moderator)
    await rig.settle()
    assert len((await job_of(rig, job["id"]))["outputs"]) == 3
    assert (await rig.job(UUID(job["id"])))["status"] == "completed"
