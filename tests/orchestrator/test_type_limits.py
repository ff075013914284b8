"""From a policy in PostgreSQL to the queue."""

from tests.orchestrator.rig import Rig, picture

from emprops.orchestrator.repair.rescue import rebuild_redis, show_limits
from emprops.policies import store
from emprops.policies.rules import Policy


async def one_at_once(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        await store.put(tx, Policy("noop", concurrency=1), by="the test")


async def test_a_policy_limits_the_queue(rig: Rig) -> None:
    await one_at_once(rig)
    await show_limits(rig.dispatcher)
    job_id = await rig.start(generations=3)
    claim = await rig.worker.claim_one()
    assert await rig.worker.claim(5) == []
    await rig.settle()
    assert "the limit of 1 noop steps at once" in (await rig.job(job_id))["queue"]["blocked_by"]
    await rig.worker.finish(claim, picture())
    assert len(await rig.worker.claim(5)) == 1
    await rig.execute("DELETE FROM policy")
    await show_limits(rig.dispatcher)
    assert len(await rig.worker.claim(5)) == 1


async def test_a_redis_that_lost_everything_is_shown_the_limits_first(rig: Rig) -> None:
    await one_at_once(rig)
    await rig.start(generations=3)
    await rig.redis.flushall()
    await rebuild_redis(rig.dispatcher)
    assert len(await rig.worker.claim(5)) == 1
