"""The diagram in ``jobs/states.py`` is what the statements allow."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from tests.factories import make_job

from emprops.jobs import change_store, store
from emprops.jobs.states import JOB_TRANSITIONS, OPEN, TERMINAL, JobStatus
from emprops.kit.database import Database, Transaction
from emprops.orchestrator.change.failsafe import NOT_COMPLETED

Write = Callable[[Transaction, UUID], Awaitable[object]]

WRITES: dict[JobStatus, Write] = {
    JobStatus.PENDING: lambda tx, job: change_store.begin_retry(tx, job, retry_count=0),
    JobStatus.PROCESSING: lambda tx, job: store.save(tx, [], [store.Move(job, "processing", 10.0, 1)], []),
    JobStatus.COMPLETED: lambda tx, job: store.complete(
        tx, [store.Ending(job, None, {})], from_states=NOT_COMPLETED, message="Generation completed"
    ),
    JobStatus.FAILED: lambda tx, job: store.fail(tx, job, message="it broke"),
}


@pytest.mark.parametrize("before", JobStatus)
@pytest.mark.parametrize("after", JobStatus)
async def test_each_statement_does_what_the_diagram_says(
    before: JobStatus, after: JobStatus, database: Database
) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx, status=before)
        await WRITES[after](tx, job.id)
        now = await tx.fetch_value("SELECT status FROM job WHERE id = %s", (job.id,))
    assert now == (after if after in JOB_TRANSITIONS[before] else before)


def test_open_and_ended_are_all() -> None:
    assert set(JobStatus) == OPEN | TERMINAL
    assert frozenset() == OPEN & TERMINAL
