"""How a job ends, as whatever ends it does."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from emprops.credits import store
from emprops.credits.parts import to_stored
from emprops.credits.prices import Cost, StepPrice
from emprops.credits.usage import Usage
from emprops.jobs import store as jobs
from emprops.kit.database import Database, Transaction
from emprops.orchestrator.finish import complete_jobs, fail_job


def by_usage(price: int, least: int) -> dict[str, Any]:
    """The price of a job whose one step is settled by its tokens."""
    usage = Usage("total_tokens", Decimal("0.000001"), least, price)
    stored = to_stored(0, [StepPrice(1, 0, "chat", Cost(price, usage), 1)], enforced=True)
    assert stored is not None
    return stored


async def ran(tx: Transaction, job_id: UUID, used: int | None) -> list[jobs.StepState]:
    """The job's steps, done, as a worker reported them."""
    steps = await jobs.current_steps(tx, [job_id])
    usage = {} if used is None else {"usage": {"total_tokens": used}}
    for step in steps:
        step.status, step.output_data = "completed", {"files": [], "data": usage}
    return steps


async def ended(database: Database, job_id: UUID, end: str, used: int | None = None) -> bool:
    """End a job as the orchestrator or a cancellation does; tells whether this end was the one."""
    async with database.transaction() as tx:
        if end != "completed":
            return await fail_job(tx, job_id, message=end, cancelled=end == "cancelled") is not None
        [job] = (await jobs.lock_jobs(tx, [job_id])).values()
        return bool(await complete_jobs(tx, [(job, await ran(tx, job_id, used))], {}))


async def reopened(tx: Transaction, job_id: UUID) -> bool:
    """Let a failed job run again; tells whether it had failed."""
    await jobs.lock_jobs(tx, [job_id])
    changed = await tx.execute(
        """
        UPDATE job SET status = 'processing', completed_at = NULL, cancelled_at = NULL
        WHERE id = %s AND status = 'failed'
        """,
        (job_id,),
    )
    return changed == 1


async def state_of(tx: Transaction, job_id: UUID) -> str | None:
    """The state of the job's hold."""
    hold = await store.hold_of(tx, job_id)
    return hold and hold.state


async def damage(database: Database, job_id: UUID, what: str) -> None:
    """Give the job's hold back by hand, or end the job by hand as ``what``: neither moves the other."""
    async with database.transaction() as tx:
        if what == "hold":
            assert await store.release(tx, job_id, "by hand")
        else:
            await tx.execute("UPDATE job SET status = %s, completed_at = now() WHERE id = %s", (what, job_id))
