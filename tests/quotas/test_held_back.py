"""Ready steps that a quota keeps out of the queue."""

import pytest
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.quotas.test_start import limit, limit_of

from emprops.kit.ids import new_id
from emprops.orchestrator import admission
from emprops.orchestrator.repair.reconcile import reconcile_stale_steps
from emprops.orchestrator.repair.rescue import admit_held_back, rebuild_redis, send_unsent
from emprops.queue.keys import KEYS
from emprops.quotas.limits import Subject
from emprops.settings import Settings


async def in_queue(rig: Rig) -> int:
    """Tickets that wait or run."""
    return len(await rig.redis.keys(f"{rig.settings.queue_prefix}{KEYS.ticket}*"))


async def held(rig: Rig) -> int:
    return len(await rig.rows("SELECT id FROM step WHERE held_back_for IS NOT NULL AND status = 'pending'"))


async def test_a_job_with_more_steps_than_may_run(rig: Rig) -> None:
    await limit(rig, running_steps=2)
    job_id = await rig.start(generations=5)
    assert (await in_queue(rig), await held(rig)) == (2, 3)
    for done, left in enumerate((3, 2, 1, 0, 0)):
        assert await held(rig) == left
        assert await in_queue(rig) <= 2
        await rig.run(picture(str(done)))
    assert (await rig.job(job_id))["status"] == "completed"


async def test_the_next_steps_of_a_job_take_the_place_of_those_that_ended(rig: Rig) -> None:
    await limit(rig, running_steps=1)
    first = await rig.start(steps=2)
    second = await rig.start()
    assert (await in_queue(rig), await held(rig)) == (1, 1)
    for job_id in (first, first, second):
        assert (await rig.run(picture())).ticket.workflow_context.workflow_id == str(job_id)
        assert await in_queue(rig) <= 1
    assert [(await rig.job(job_id))["status"] for job_id in (first, second)] == ["completed"] * 2


@pytest.mark.parametrize("end", ["cancelled", "failed", "cancelled while held back"])
async def test_every_end_of_a_job_makes_room(rig: Rig, end: str) -> None:
    await limit(rig, running_steps=1)
    first, second, third = await rig.start(), await rig.start(), await rig.start()
    if end == "failed":
        await rig.run(FAILED)
    else:
        await rig.ok(second if end == "cancelled while held back" else first, "cancel")
        await rig.dispatcher.flush()
    assert await in_queue(rig) == 1
    following = first if end == "cancelled while held back" else second
    assert (await rig.run(picture())).ticket.workflow_context.workflow_id == str(following)
    assert (await rig.run(picture("b"))).ticket.workflow_context.workflow_id == str(third)
    assert await held(rig) == 0


async def test_room_that_was_made_while_a_job_started_is_seen(rig: Rig) -> None:
    """When the job counted, an end was not committed yet; when that end looked who waits, the job was not."""
    await limit(rig, running_steps=1)
    await rig.start()
    await rig.start(send=False)
    await rig.execute("UPDATE step SET status = 'failed', completed_at = now() WHERE held_back_for IS NULL")
    await rig.dispatcher.flush()
    assert await held(rig) == 0


async def test_who_is_held_back_does_not_hold_back_others(rig: Rig) -> None:
    await limit(rig, running_steps=1)
    for _ in range(3):
        await rig.start()
    flooder, rig.user_id = rig.user_id, new_id()
    job_id = await rig.start()
    assert (await in_queue(rig), await held(rig)) == (2, 2)
    assert (await rig.job(job_id))["queue"]["position"] == 2
    rig.user_id = flooder


async def test_the_job_says_that_it_is_held_back(rig: Rig) -> None:
    await limit(rig, running_steps=1)
    await rig.start()
    await rig.start()
    last = await rig.start()
    assert (await rig.job(last))["queue"] == {
        "position": 3,
        "turns": 0,
        "own_before": 2,
        "blocked_by": ["the quota of running steps: others must end first, see GET /me/limits"],
        "retry_at": None,
        "sentence": "Your quota of running steps is used up: others of yours must end first.",
    }


async def test_a_limit_that_is_raised_holds_at_once(rig: Rig) -> None:
    await limit(rig, running_steps=1)
    for _ in range(4):
        await rig.start()
    await limit(rig, running_steps=3)
    assert await admit_held_back(rig.dispatcher) == 2
    await rig.dispatcher.flush()
    assert (await in_queue(rig), await held(rig)) == (3, 1)
    assert await rig.redis.hgetall(rig.settings.queue_prefix + KEYS.held_back) == {b"noop": b"1"}
    await limit(rig)
    assert await admit_held_back(rig.dispatcher) == 1
    assert await rig.redis.exists(rig.settings.queue_prefix + KEYS.held_back) == 0


async def test_a_collection_that_is_full_leaves_the_others_alone(rig: Rig) -> None:
    first = await rig.start(generations=3)
    (job,) = await rig.rows("SELECT collection_id FROM job WHERE id = %s", first)
    await limit_of(rig, Subject("collection", job["collection_id"]), running_steps=3)
    await limit(rig, running_steps=10)
    path = f"/api/collections/{job['collection_id']}/generate"
    await rig.client.post(path, json={"variables": {}}, headers={"user_id": str(rig.user_id)})
    await rig.start()
    assert (await in_queue(rig), await held(rig)) == (4, 3)


async def test_many_steps_of_a_full_collection_do_not_hide_others(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "AT_ONCE", 2)
    await limit(rig, running_steps=1)
    first = await rig.start(generations=6)
    (job,) = await rig.rows("SELECT collection_id FROM job WHERE id = %s", first)
    await limit_of(rig, Subject("collection", job["collection_id"]), running_steps=1)
    other = await rig.start()
    await limit(rig, running_steps=2)
    assert await admit_held_back(rig.dispatcher) == 1
    (step,) = await rig.steps(other)
    assert step["held_back_for"] is None


async def test_a_retry_is_held_back_too(rig: Rig) -> None:
    failed = await rig.start(generations=3)
    await rig.ok(failed, "cancel")
    await limit(rig, running_steps=2)
    await rig.ok(failed, "retry")
    await rig.dispatcher.flush()
    assert (await in_queue(rig), await held(rig)) == (2, 1)


async def test_what_is_held_back_is_neither_lost_nor_stale(rig: Rig, settings: Settings) -> None:
    await limit(rig, running_steps=1)
    await rig.start(generations=3)
    await rig.execute("UPDATE step SET updated_at = now() - interval '1 day', created_at = now() - interval '1 day'")
    await rig.execute("UPDATE job SET updated_at = now() - interval '1 day'")
    assert await send_unsent(rig.dispatcher) == 0
    await reconcile_stale_steps(rig.orchestrator)
    assert await held(rig) == 2
    await rig.redis.flushall()
    await rebuild_redis(rig.dispatcher)
    assert (await in_queue(rig), await held(rig)) == (1, 2)
