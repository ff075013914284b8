"""Reconciliation of stale steps."""

from collections.abc import Awaitable, Callable

import pytest
from tests.factories import make_job, make_step
from tests.orchestrator.rig import FAILED, Rig, forget_reports, picture, reconcile
from tests.plans import Explaining, many_jobs
from tests.queue.helpers import lapse

from emprops.jobs.stale_store import stale_steps, stalled_jobs
from emprops.jobs.step_store import update_step_complete
from emprops.moderation.moderator import moderator_from
from emprops.orchestrator.repair.reconcile import Reconciled, reconcile_stale_steps
from emprops.upkeep import timetable


async def test_a_lost_success_is_applied_as_its_report_would_have_been(rig: Rig) -> None:
    job_id = await rig.start(steps=2, price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture("one"))
    await forget_reports(rig)
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(checked=1, completed=1)
    first, second = await rig.steps(job_id)
    assert (first["status"], first["attempt"], second["status"]) == ("completed", 1, "pending")
    assert "Node step 1 completed" in await rig.history(job_id)
    assert (await rig.job(job_id))["progress"] == 50

    assert await rig.worker.finish(await rig.worker.claim_one(), picture("two"))
    await forget_reports(rig)
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(checked=1, completed=1)
    job = await rig.job(job_id)
    assert (job["status"], job["workflow_output"][-7:]) == ("completed", "two.png")
    assert [output["status"] for output in await rig.outputs(job_id)] == ["completed"]
    assert await rig.entries(job_id) == ["hold", "capture"]
    assert await reconcile(rig) == Reconciled()


async def test_a_lost_failure_fails_step_and_job(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), FAILED)
    await forget_reports(rig)
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(checked=1, failed=1)
    job = await rig.job(job_id)
    assert (job["status"], job["error_message"]) == ("failed", FAILED.error)
    assert await rig.entries(job_id) == ["hold", "release"]


async def test_a_ticket_taken_out_of_the_queue_fails_the_job(rig: Rig) -> None:
    job_id = await rig.start()
    [step] = await rig.steps(job_id)
    await rig.dispatcher.queue.cancel([(str(step["id"]), 1)], "drained by the operator")
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(checked=1, failed=1)
    assert (await rig.job(job_id))["error_message"] == ("The step was taken out of the queue: drained by the operator")


async def waiting(_rig: Rig) -> None:
    pass


async def claimed(rig: Rig) -> None:
    await rig.worker.claim_one()
    await rig.settle()


async def delayed(rig: Rig) -> None:
    claim = await rig.worker.claim_one()
    assert await rig.worker.finish(claim, type(FAILED)(failure="retryable", error="busy"))
    await rig.settle()


@pytest.mark.parametrize("state", [waiting, claimed, delayed])
async def test_what_redis_still_has_is_only_noted(rig: Rig, state: Callable[[Rig], Awaitable[None]]) -> None:
    job_id = await rig.start()
    await state(rig)
    await rig.age(job_id, 45)
    [before] = await rig.steps(job_id)
    history, job = await rig.history(job_id), await rig.job(job_id)
    assert await reconcile(rig) == Reconciled(checked=1, alive=1)
    [after] = await rig.steps(job_id)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before
    assert (await rig.history(job_id), (await rig.job(job_id))["status"]) == (history, job["status"])
    assert await reconcile(rig) == Reconciled(), "it has news again"


@pytest.mark.parametrize("state", [waiting, claimed])
async def test_what_redis_lost_is_sent_again(rig: Rig, state: Callable[[Rig], Awaitable[None]]) -> None:
    job_id = await rig.start()
    await state(rig)
    [step] = await rig.steps(job_id)
    await rig.redis.delete(f"emprops:ticket:{step['id']}")
    await rig.redis.delete("emprops:leases")
    await rig.age(job_id, 45)
    assert await reconcile(rig) == Reconciled(checked=1, sent_again=1)
    assert await rig.ticket_states([step]) == ["waiting"]
    assert (await rig.steps(job_id))[0]["status"] == "pending"
    assert (await rig.history(job_id))[-1] == "Node step 1 was lost by the queue and is sent again"
    assert await reconcile(rig) == Reconciled(checked=1, alive=1)
    claim = await rig.run(picture())
    assert claim.attempt == (2 if state is claimed else 1)
    assert (await rig.job(job_id))["status"] == "completed"


async def test_what_redis_keeps_losing_is_given_up(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    [step] = await rig.steps(job_id)
    for minutes, expected in [(11, Reconciled(checked=1, sent_again=1)), (29, Reconciled(checked=1, sent_again=1))]:
        await rig.execute("UPDATE step SET updated_at = now() - make_interval(mins => %s)", minutes)
        await rig.redis.delete(f"emprops:ticket:{step['id']}")
        assert await reconcile(rig) == expected
    await rig.execute("UPDATE step SET updated_at = now() - interval '31 minutes'")
    await rig.redis.delete(f"emprops:ticket:{step['id']}")
    assert await reconcile(rig) == Reconciled(checked=1, failed=1)
    job = await rig.job(job_id)
    assert job["status"] == "failed"
    assert job["error_message"] == (
        "The queue lost this step more than once and knows nothing of it after 31 minutes; retry the job."
    )
    assert await rig.entries(job_id) == ["hold", "release"]


async def test_after_a_long_outage_the_first_thing_is_to_send_again(rig: Rig) -> None:
    """Nobody reconciled for hours, and Redis lost the ticket: that is no reason to fail the job."""
    job_id = await rig.start()
    [step] = await rig.steps(job_id)
    await rig.redis.delete(f"emprops:ticket:{step['id']}")
    await rig.age(job_id, 600)
    assert await reconcile(rig) == Reconciled(checked=1, sent_again=1)
    await rig.run(picture())
    assert (await rig.job(job_id))["status"] == "completed"


async def test_fresh_steps_and_waiting_ones_are_left_alone(rig: Rig) -> None:
    fresh = await rig.start(steps=2)
    await rig.age(fresh, 9)
    assert await reconcile(rig) == Reconciled()
    await rig.age(fresh, 11)
    assert (await reconcile(rig)).checked == 1, "the second step waits for the first, not for Redis"


async def test_the_age_is_a_setting(rig: Rig) -> None:
    job_id = await rig.start()
    await rig.age(job_id, 2)
    assert (await reconcile_stale_steps(rig.orchestrator, stale_after=60)).alive == 1


async def test_more_than_a_batch(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emprops.orchestrator.repair.reconcile.BATCH", 2)
    jobs = [await rig.start() for _ in range(5)]
    for job_id in jobs:
        await rig.age(job_id, 11)
    await rig.redis.flushall()
    await rig.orchestrator.stream.ensure_group()
    assert await reconcile(rig) == Reconciled(checked=5, sent_again=5)


async def test_a_success_of_an_attempt_before_the_last_counts(rig: Rig) -> None:
    """The attestation speaks for the run: PostgreSQL had heard of a second attempt from a Redis that is no more."""
    job_id = await rig.start()
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    await forget_reports(rig)
    await rig.execute("UPDATE step SET attempt = 2, status = 'processing' WHERE job_id = %s", job_id)
    await rig.age(job_id, 11)
    assert (await reconcile(rig)).completed == 1
    assert (await rig.job(job_id))["status"] == "completed"


async def test_a_step_completed_on_its_own_moves_its_job_on(rig: Rig) -> None:
    """``update_step_complete`` ends a step, not what follows from it."""
    job_id = await rig.start(steps=2)
    first, second = await rig.steps(job_id)
    url = "http://localhost:3001/files/generations/one.png"
    await update_step_complete(rig.database, first["id"], {"files": [{"id": 1, "url": url, "mime_type": "image/png"}]})
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(resumed=1)
    assert (await rig.steps(job_id))[1]["input_data"]["image"] == url
    assert await rig.ticket_states([second]) == ["waiting"]
    await update_step_complete(rig.database, second["id"], {"files": [{"id": 2, "url": url, "mime_type": "image/png"}]})
    await rig.age(job_id, 11)
    assert await reconcile(rig) == Reconciled(resumed=1)
    job = await rig.job(job_id)
    assert (job["status"], job["workflow_output"]) == ("completed", url)


async def test_an_open_job_with_a_failed_step_or_none_fails(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        broken, empty = [await make_job(tx, rig.user_id, status="processing") for _ in range(2)]
        await make_step(tx, broken, status="failed")
        await tx.execute("UPDATE step SET error_message = 'it broke'")
        await tx.execute("UPDATE job SET updated_at = now() - interval '11 minutes'")
    assert (await reconcile(rig)).resumed == 2
    assert (await rig.job(broken.id))["error_message"] == "it broke"
    assert (await rig.job(empty.id))["error_message"] == "The job has no steps to run."


async def test_a_lapsed_lease_is_not_its_business(rig: Rig) -> None:
    job_id = await rig.start()
    claim = await rig.worker.claim_one()
    await lapse(rig.redis, claim.ticket.id)
    await rig.age(job_id, 11)
    assert (await reconcile(rig)).alive == 1


def test_it_runs_by_itself_every_minute(rig: Rig) -> None:
    moderator = moderator_from(rig.settings)
    duties = {duty.name: duty.every for duty in timetable(rig.dispatcher, rig.orchestrator, moderator)}
    assert duties["reconcile_stale_steps"] == 60


async def test_stale_steps_and_stalled_jobs_are_found_by_index(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        await many_jobs(tx)
        explaining = Explaining(tx.connection)
        await stale_steps(explaining, stale_after=600, limit=10)
        assert "step_open" in explaining.plan
        await stalled_jobs(explaining, stale_after=600, limit=10)
        assert "job_open" in explaining.plan
        assert "Seq Scan" not in explaining.plan
