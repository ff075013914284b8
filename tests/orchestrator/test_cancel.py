"""Cancel: it ends the job, or says that something else did."""

import pytest
from tests.apps import as_user
from tests.engines import Engines
from tests.factories import make_job
from tests.orchestrator.rig import FAILED, Rig, picture

from emprops.kit.ids import new_id
from emprops.orchestrator.change import cancel as cancelling
from emprops.orchestrator.repair.rescue import withdraw_closed


async def test_a_waiting_job_ends_as_cancelled(rig: Rig) -> None:
    job_id = await rig.start(steps=2, price=1)
    job = await rig.ok(job_id, "cancel")
    assert (job["status"], job["error_message"], job["queue"]) == ("failed", "Cancelled", None)
    assert job["completed_at"] is not None
    assert job == await rig.job(job_id)
    assert [step["status"] for step in await rig.steps(job_id)] == ["failed", "failed"]
    assert [(o["status"], o["error_message"]) for o in await rig.outputs(job_id)] == [("failed", "Cancelled")]
    assert await rig.entries(job_id) == ["hold", "release"]
    assert (await rig.history(job_id))[-1] == "Cancelled"
    [row] = await rig.rows("SELECT cancelled_at IS NOT NULL AS cancelled FROM job WHERE id = %s", job_id)
    assert row == {"cancelled": True}
    await rig.dispatcher.flush()
    assert await rig.ticket_states(await rig.steps(job_id)) == [None, None]
    assert await rig.worker.claim() == []


async def test_a_running_step_is_stopped_and_its_late_report_refused(rig: Rig) -> None:
    job_id = await rig.start()
    claim = await rig.worker.claim_one()
    await rig.settle()
    assert (await rig.job(job_id))["status"] == "processing"
    await rig.ok(job_id, "cancel")
    await rig.dispatcher.flush()
    assert await rig.redis.lrange(f"emprops:wake:{rig.worker.name}", 0, -1) == [b"cancel"]
    assert not await rig.worker.finish(claim, picture())
    await rig.settle()
    assert (await rig.job(job_id))["status"] == "failed"


async def test_cancelling_again_changes_nothing(rig: Rig) -> None:
    job_id = await rig.start()
    first, second = await rig.ok(job_id, "cancel"), await rig.ok(job_id, "cancel")
    assert first == second
    assert (await rig.history(job_id)).count("Cancelled") == 1


async def test_a_ticket_that_is_sent_after_the_cancellation_stays_out(rig: Rig) -> None:
    job_id = await rig.start(send=False)
    waiting, rig.dispatcher._waiting = rig.dispatcher._waiting, []
    await rig.ok(job_id, "cancel")
    await rig.dispatcher.flush()
    await rig.dispatcher.send(waiting)
    assert await rig.worker.claim() == []


@pytest.mark.parametrize("how", ["cancel", "retry", "complete"])
async def test_tickets_are_withdrawn_when_redis_was_away(rig: Rig, how: str) -> None:
    """Whatever closes a step from outside, no worker spends its time on it once Redis is back."""
    job_id = await rig.start()
    [before] = await rig.steps(job_id)
    if how == "retry":
        await rig.age(job_id, 11)
    body = {"outputs": [], "workflow_output": "https://x.test/a.png"} if how == "complete" else None
    await rig.ok(job_id, how, body, **(rig.service if how == "complete" else {}))
    rig.dispatcher._closed.clear()  # as if the process had died, or Redis had been away
    assert await rig.ticket_states([before]) == ["waiting"]
    assert await withdraw_closed(rig.dispatcher) == 1
    assert await rig.ticket_states([before]) == [None]
    assert await withdraw_closed(rig.dispatcher) == 0


async def test_a_running_step_is_stopped_when_redis_is_back(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.worker.claim_one()
    await rig.ok(job_id, "cancel")
    rig.dispatcher._closed.clear()
    await withdraw_closed(rig.dispatcher)
    assert await rig.redis.lrange(f"emprops:wake:{rig.worker.name}", 0, -1) == [b"cancel"]


async def test_withdrawing_waits_for_redis(rig: Rig, engines: Engines) -> None:
    job_id = await rig.start()
    await rig.ok(job_id, "cancel")
    engines.kill_redis()
    assert await withdraw_closed(rig.dispatcher) == 1
    [row] = await rig.rows("SELECT done_at, given_up_at, next_at > now() AS later FROM outbox")
    assert row == {"done_at": None, "given_up_at": None, "later": True}
    engines.restart_redis()


async def test_ended_jobs_cannot_be_cancelled(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.run(picture())
    assert await rig.refused(job_id, "cancel") == "The job has completed already, so there is nothing left to cancel."
    other_id = await rig.start()
    await rig.run(FAILED)
    assert await rig.refused(other_id, "cancel") == "The job has failed already, so there is nothing left to cancel."
    assert (await rig.job(other_id))["error_message"] == FAILED.error


async def test_whose_job_it_is(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        job = await make_job(tx, rig.user_id)
    assert (await rig.post(job.id, "cancel", **as_user(new_id()))).status_code == 404
    assert (await rig.post(new_id(), "cancel")).status_code == 404
    assert (await rig.client.post(f"/api/jobs/{job.id}/cancel")).status_code == 401
    assert (await rig.ok(job.id, "cancel", **rig.service))["error_message"] == "Cancelled"


async def test_streams_hear_of_it(rig: Rig) -> None:
    job_id = await rig.start()
    async with rig.redis.pubsub() as subscription:
        await subscription.subscribe("emprops:jobs:changed")
        assert (await subscription.get_message(timeout=5))["type"] == "subscribe"
        await rig.ok(job_id, "cancel")
        await rig.dispatcher.flush()
        assert (await subscription.get_message(timeout=5))["data"] == f"{job_id} ended:{job_id}".encode()


async def test_the_cancellation_comes_first(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    job, _ = await rig.race(
        rig.ok(job_id, "cancel"), cancelling, "fail_job", lambda: rig.orchestrator.process(reports), monkeypatch
    )
    assert job["error_message"] == "Cancelled"
    assert (await rig.job(job_id))["status"] == "failed"
    assert await rig.entries(job_id) == ["hold", "release"]
    assert "Generation completed" not in await rig.history(job_id)
    assert [output["status"] for output in await rig.outputs(job_id)] == ["failed"]


async def test_the_end_comes_first(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    reports = await rig.orchestrator.stream.read(block=0.001)
    _, response = await rig.race(
        rig.orchestrator.process(reports), rig.orchestrator, "_settle", lambda: rig.post(job_id, "cancel"), monkeypatch
    )
    assert response.status_code == 400
    assert "has completed already" in response.json()["error"]
    assert await rig.entries(job_id) == ["hold", "capture"]
    assert "Cancelled" not in await rig.history(job_id)
