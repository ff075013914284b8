"""Step records, one at a time. The orchestrator itself writes steps in batches (``store.py``)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from emprops.errors import ConflictError, NotFoundError
from emprops.kit.database import Database, Transaction
from emprops.kit.database_errors import UNAVAILABLE

log = structlog.get_logger(__name__)

FIRST_WAIT = 1.0
"""Seconds before the first repetition; each further wait is twice as long."""


async def create_step(
    tx: Transaction,
    step_id: UUID,
    job_id: UUID,
    step_name: str,
    step_type: str,
    input_data: dict[str, Any] | None = None,
    step_order: int | None = None,
    retry_attempt: int = 0,
) -> bool:
    """Insert a pending step of an open job, before its ticket is sent. False if it is there.

    ``step_order``: from 1; None puts it last. The job counts it from now on; upkeep sends its ticket. Raises
    :class:`~emprops.errors.NotFoundError`, and :class:`~emprops.errors.ConflictError` if the job has ended, is in
    another attempt than ``retry_attempt``, or has a step of that order.
    """
    jobs = await tx.fetch_dicts("SELECT status, retry_count FROM job WHERE id = %s FOR NO KEY UPDATE", (job_id,))
    if not jobs:
        raise NotFoundError("Job not found")
    if await tx.fetch_value("SELECT job_id FROM step WHERE id = %s", (step_id,)) == job_id:
        return False
    if jobs[0]["status"] not in ("pending", "processing") or jobs[0]["retry_count"] != retry_attempt:
        raise ConflictError("The job has ended, or was retried meanwhile; it takes no step of this attempt any more.")
    order = await tx.fetch_value(
        """
        INSERT INTO step (id, job_id, step_name, step_type, input_data, step_order, retry_attempt, is_result)
        SELECT %(id)s, %(job_id)s, %(name)s, %(type)s, %(input)s,
               coalesce(%(order)s::int, 1 + coalesce(max(step_order), 0)), %(attempt)s, true
        FROM step WHERE job_id = %(job_id)s AND retry_attempt = %(attempt)s
        ON CONFLICT DO NOTHING RETURNING step_order
        """,
        {
            "id": step_id,
            "job_id": job_id,
            "name": step_name,
            "type": step_type,
            "input": Jsonb(input_data or {}),
            "order": step_order,
            "attempt": retry_attempt,
        },
    )
    if order is None:
        raise ConflictError("The job has another step of this order or id.")
    await tx.execute(
        "UPDATE job SET total_steps = greatest(total_steps, %s), updated_at = now() WHERE id = %s", (order, job_id)
    )
    return True


async def update_step_complete(
    database: Database,
    step_id: UUID,
    output_data: dict[str, Any] | None = None,
    retries: int = 3,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Complete an open step, read it again to make sure, and say whether it is completed, now or from before (spec:
    Update Step Complete). False: it had failed, and stays so.

    While PostgreSQL is away or refuses just now (serialisation, deadlock) it tries again ``retries`` times, after 1,
    2, 4 … seconds, and raises what was wrong with the last try. Anything else is raised at once; so is
    :class:`~emprops.errors.NotFoundError`. What follows for the job is the orchestrator's business: it notices with
    the job's next report, or when the job has been silent for a while.
    """
    for tries_left in range(retries, -1, -1):
        try:
            return await _complete(database, step_id, output_data)
        except UNAVAILABLE as error:
            if tries_left == 0:
                raise
            wait = FIRST_WAIT * 2 ** (retries - tries_left)
            log.warning("step not completed", step=str(step_id), wait=wait, error=str(error))
            await sleep(wait)
    raise ValueError("retries must be 0 or more")


async def _complete(database: Database, step_id: UUID, output_data: dict[str, Any] | None) -> bool:
    async with database.transaction() as tx:
        # every decision about the job's steps is made under this lock
        await tx.execute(
            "SELECT FROM job WHERE id = (SELECT job_id FROM step WHERE id = %s) FOR NO KEY UPDATE", (step_id,)
        )
        await tx.execute(
            """
            UPDATE step SET status = 'completed', progress = 100, error_message = NULL,
                   output_data = coalesce(%s, output_data), updated_at = now(),
                   started_at = coalesce(started_at, now()), completed_at = now()
            WHERE id = %s AND status IN ('pending', 'processing')
            """,
            (None if output_data is None else Jsonb(output_data), step_id),
        )
    async with database.reader() as reader:
        status = await reader.fetch_value("SELECT status FROM step WHERE id = %s", (step_id,))
    if status is None:
        raise NotFoundError("Step not found")
    return bool(status == "completed")
