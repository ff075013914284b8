"""Stop a job because somebody no longer wants it."""

from emprops.errors import BadRequestError
from emprops.jobs.change_store import Standing
from emprops.jobs.states import CANCELLED_MESSAGE, OPEN
from emprops.kit.database import Transaction
from emprops.orchestrator.finish import fail_job
from emprops.orchestrator.tickets import Dispatcher


async def cancel_job(tx: Transaction, job: Standing, dispatcher: Dispatcher) -> None:
    """End a locked job as cancelled; its tickets leave the queue once that is committed.

    Cancelling it again changes nothing. Raises :class:`~emprops.errors.BadRequestError` if it ended another way:
    whichever of cancel and end is committed first wins, and the other is told.
    """
    if job.status in OPEN:
        closed = await fail_job(tx, job.id, message=CANCELLED_MESSAGE, cancelled=True)
        dispatcher.after_commit(tx, [job.id], closed=closed or [])
    elif not job.cancelled:
        raise BadRequestError(f"The job has {job.status} already, so there is nothing left to cancel.")
