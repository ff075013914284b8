"""Reconciliation of stale steps, while something else happens to them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.orchestrator.rig import FAILED, Rig, forget_reports, picture

from emprops.jobs.dispatch_store import ready_steps
from emprops.orchestrator.repair.reconcile import Reconciled, reconcile_stale_steps
from emprops.queue.dispatch import Queue


class Paused(Queue):
    """A reader of Redis that stops between what it read and what is done about it."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue.redis, prefix=queue.prefix)
        self.reading, self.go_on = asyncio.Event(), asyncio.Event()

    async def attestation(self, step_id: str, run: int) -> dict[str, Any] | None:
        attestation = await super().attestation(step_id, run)
        self.reading.set()
        await self.go_on.wait()
        return attestation


async def reconcile_around(rig: Rig, happens: Callable[[], Awaitable[Any]]) -> Reconciled:
    """Let something happen between the reconciler's read and its write."""
    queue = rig.dispatcher.queue
    paused = rig.dispatcher.queue = Paused(queue)
    reconciling = asyncio.create_task(reconcile_stale_steps(rig.orchestrator))
    await paused.reading.wait()
    rig.dispatcher.queue = queue
    await happens()
    paused.go_on.set()
    done = await reconciling
    await rig.dispatcher.flush()
    return done


async def test_a_success_between_read_and_write_stands(rig: Rig) -> None:
    job_id = await rig.start()
    claim = await rig.worker.claim_one()
    await rig.settle()
    await rig.age(job_id, 11)

    async def finish() -> None:
        assert await rig.worker.finish(claim, picture())
        await rig.settle()

    await reconcile_around(rig, finish)
    job = await rig.job(job_id)
    assert job["status"] == "completed"
    [step] = await rig.steps(job_id)
    assert step["status"] == "completed"
    assert (await rig.history(job_id)).count("Generation completed") == 1


async def test_a_loss_that_was_mended_between_read_and_write_is_forgotten(rig: Rig) -> None:
    job_id = await rig.start()
    [step] = await rig.steps(job_id)
    await rig.redis.delete(f"emprops:ticket:{step['id']}")
    await rig.age(job_id, 11)

    async def mend_and_run() -> None:
        await rig.execute("UPDATE step SET queued_at = NULL, updated_at = now() WHERE id = %s", step["id"])
        async with rig.database.reader() as reader:
            ready = await ready_steps(reader, [step["id"]])
        await rig.dispatcher.send(ready)
        await rig.worker.claim_one()
        await rig.settle()

    done = await reconcile_around(rig, mend_and_run)
    assert done.sent_again == 0
    [after] = await rig.steps(job_id)
    assert (after["status"], after["attempt"]) == ("processing", 1)


async def test_a_failure_read_before_a_retry_does_not_reach_the_new_attempt(rig: Rig) -> None:
    """The River interleaving: the reconciler read the old attempt's attestation, then the job was retried."""
    job_id = await rig.start()
    assert await rig.worker.finish(await rig.worker.claim_one(), FAILED)
    await forget_reports(rig)
    await rig.age(job_id, 11)

    async def retry() -> None:
        await rig.ok(job_id, "retry")
        await rig.dispatcher.flush()

    await reconcile_around(rig, retry)
    job = await rig.job(job_id)
    assert (job["status"], job["retry_count"]) == ("pending", 1)
    await rig.run(picture())
    assert (await rig.job(job_id))["status"] == "completed"


async def test_two_reconcilers_at_once_do_it_once(rig: Rig) -> None:
    job_id = await rig.start(price=1)
    assert await rig.worker.finish(await rig.worker.claim_one(), picture())
    await forget_reports(rig)
    await rig.age(job_id, 11)
    await asyncio.gather(*(reconcile_stale_steps(rig.orchestrator) for _ in range(4)))
    assert await rig.entries(job_id) == ["hold", "capture"]
    assert (await rig.history(job_id)).count("Generation completed") == 1
    assert len(await rig.outputs(job_id)) == 1
