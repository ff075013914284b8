"""What operators do to what belongs to users. Each use is on the audit log, in the transaction that does it."""

from uuid import UUID

from emprops.auth import foreign
from emprops.auth.caller import Caller
from emprops.errors import NotFoundError
from emprops.jobs import change_store
from emprops.jobs.change_store import Standing
from emprops.kit.database import Transaction
from emprops.outputs import arranging
from emprops.outputs import queries as outputs
from emprops.outputs.arranging import only


async def take_job(tx: Transaction, operator: Caller, job_id: UUID, what: str) -> Standing:
    """Lock anybody's job in order to change it. Raises :class:`~emprops.errors.NotFoundError`."""
    job = await change_store.lock(tx, job_id, owner=None)
    if job is None:
        raise NotFoundError("Job not found")
    await foreign.note_operator(tx, operator, job.user_id, f"job:{job_id}", what)
    return job


async def read_output(tx: Transaction, operator: Caller, output_id: UUID) -> outputs.OutputDetail:
    """Read anybody's output, hidden or not. Raises :class:`~emprops.errors.NotFoundError`."""
    output = await _output(tx, output_id)
    await foreign.note_read(tx, operator, output.user_id, f"output:{output_id}", "read")
    return output


async def hide(tx: Transaction, operator: Caller, output_id: UUID) -> outputs.OutputDetail:
    """Hide anybody's output for good: its owner cannot bring it back. Raises :class:`~emprops.errors.NotFoundError`."""
    only(output_id, await arranging.hide(tx, None, [output_id], by="operator"))
    output = await _output(tx, output_id)
    await foreign.note_operator(tx, operator, output.user_id, f"output:{output_id}", "hide")
    return output


async def _output(tx: Transaction, output_id: UUID) -> outputs.OutputDetail:
    output = await outputs.output_of(tx, output_id)
    if output is None:
        raise NotFoundError("Output not found")
    return output
