"""What is found again after Redis lost it."""

from tests.orchestrator.rig import Rig

from emprops.jobs import dispatch_store
from emprops.orchestrator.repair.rescue import rebuild_redis


async def test_a_step_that_ran_before_its_ticket_was_noted_survives_the_loss_of_redis(rig: Rig) -> None:
    """A worker may be quicker than the note that its ticket has arrived."""
    await rebuild_redis(rig.dispatcher)
    job_id = await rig.start()
    await rig.execute("UPDATE step SET queued_at = NULL WHERE job_id = %s", job_id)
    await rig.worker.claim_one()
    await rig.settle()
    [step] = await rig.steps(job_id)
    assert (step["status"], step["queued_at"]) == ("processing", None)
    async with rig.database.reader() as reader:
        await dispatch_store.mark_queued(reader, [step["id"]])  # which the dispatcher does at last
    await rig.redis.flushall()
    assert await rebuild_redis(rig.dispatcher) == 1
    assert await rig.ticket_states([step]) == ["waiting"]
