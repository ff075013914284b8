"""Compare what is held with the jobs that are open, and mend what does not fit.

A hold moves in the transaction that moves its job, so neither happens unless somebody changed the database by hand, or
restored a part of it. Any number of processes may look at once: a fault is mended with its job locked, after another
look, and a job that somebody is changing just now is left for the next round. See docs/decisions/0044-money.md.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from emprops.credits import fault_store as faults
from emprops.credits import service as credit
from emprops.credits import store
from emprops.credits.fault_store import Suspect
from emprops.credits.service import Terms
from emprops.jobs import store as jobs
from emprops.jobs.states import OPEN
from emprops.kit.database import Transaction
from emprops.kit.database_errors import is_outage
from emprops.orchestrator.finish import fail_job, settle_usage
from emprops.orchestrator.metrics import CREDIT_FAULTS
from emprops.orchestrator.tickets import Dispatcher

log = structlog.get_logger(__name__)

BATCH = 100
RELEASED = "Released: no open job needs it"
HELD_AGAIN = "Held again: the job was open without it"
UNPAID = (
    "The price of this job was not held any more, and its user has not enough credits to hold it again;"
    " retry it when there are."
)


async def reconcile_holds(dispatcher: Dispatcher, terms: Terms) -> int:
    """Mend holds without an open job, and open priced jobs without a hold. Returns how many were mended."""
    async with dispatcher.database.reader() as reader:
        idle = await faults.holds_without_job(reader, limit=BATCH)
        unheld = await faults.jobs_without_hold(reader, limit=BATCH) if terms.enforced else []
    done = 0
    for job_id in idle:
        done += await _mend(dispatcher, job_id, "hold_without_job", _end_hold)
    for job_id in unheld:
        done += await _mend(dispatcher, job_id, "job_without_hold", lambda tx, one: _hold(tx, one, dispatcher, terms))
    return done


async def _mend(
    dispatcher: Dispatcher, job_id: UUID, fault: str, mend: Callable[[Transaction, UUID], Awaitable[str | None]]
) -> bool:
    """Mend one fault in a transaction of its own: one that cannot be mended must not keep the others."""
    try:
        async with dispatcher.database.transaction() as tx:
            mended = await mend(tx, job_id)
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("credits not mended", job_id=str(job_id), fault=fault)
        return False
    if mended is None:
        return False
    CREDIT_FAULTS.labels(fault, mended).inc()
    log.warning("credits mended", job_id=str(job_id), fault=fault, mended=mended)
    return True


async def _end_hold(tx: Transaction, job_id: UUID) -> str | None:
    """Charge a job that has completed; give back what is held for one that has failed, or that does not exist."""
    job = await faults.lock_if_free(tx, job_id)
    if job is None and await faults.exists(tx, job_id):
        return None
    hold = await store.hold_of(tx, job_id)
    if hold is None or hold.state != "held" or (job is not None and job.status in OPEN):
        return None
    if job is not None and job.status == "completed":
        price = job.price if job.price and job.price.get("by_usage") else None
        settled = await settle_usage(tx, job_id, price, await jobs.current_steps(tx, [job_id]))
        await credit.capture(tx, {job_id: settled})
        return "captured"
    return "released" if await store.release(tx, job_id, RELEASED) else None


async def _hold(tx: Transaction, job_id: UUID, dispatcher: Dispatcher, terms: Terms) -> str | None:
    """Hold the price that an open job was started at; if its user cannot pay that any more, fail the job."""
    job = await faults.lock_if_free(tx, job_id)
    hold = await store.hold_of(tx, job_id)
    if job is None or job.status not in OPEN or (hold is not None and hold.state != "released"):
        return None
    if hold is not None:
        held = await store.hold_again(tx, job_id, HELD_AGAIN)
    else:
        held = await _hold_first(tx, job, terms)
    if held:
        dispatcher.after_commit(tx, [job_id])
        return "held"
    closed = await fail_job(tx, job_id, message=UNPAID)
    dispatcher.after_commit(tx, [job_id], closed=closed or [])
    return "failed"


async def _hold_first(tx: Transaction, job: Suspect, terms: Terms) -> bool:
    if job.price is None:
        return True
    await store.open_account(tx, job.user_id, terms.initial)
    new = store.NewHold(job.user_id, job.id, job.price["price"], HELD_AGAIN, job.key_id)
    return bool(await store.hold(tx, [new]))
