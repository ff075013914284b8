"""Jobs, their history and steps, and what keeps workers from them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from tests.factories.collections import Collection, make_collection
from tests.factories.people import make_user

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    user_id: UUID
    collection: Collection


async def make_job(
    tx: Transaction,
    user_id: UUID | None = None,
    *,
    collection: Collection | None = None,
    status: str = "pending",
    progress: float | None = 0,
    steps: int = 1,
    variables: dict[str, Any] | None = None,
    about: dict[str, Any] | None = None,
    history: tuple[str, ...] = ("Job created",),
    created_at: datetime | None = None,
    retry_count: int = 0,
    workflow_output: str | None = None,
    error_message: str | None = None,
    job_type: str = "collection_generation",
) -> Job:
    """A job of a collection (a new one unless told) with its first history rows; steps come from ``make_step``."""
    if collection is None:
        collection = await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    job = Job(id=new_id(), user_id=user_id, collection=collection)
    await tx.execute(
        """
        INSERT INTO job (id, user_id, collection_id, collection_version, name, job_type, status, progress, total_steps,
                         data, retry_count, workflow_output, error_message, created_at, started_at, completed_at)
        VALUES (%(id)s, %(user_id)s, %(collection_id)s, 1, %(name)s, %(job_type)s, %(status)s, %(progress)s, %(steps)s,
                %(data)s, %(retry_count)s, %(workflow_output)s, %(error_message)s, coalesce(%(created_at)s, now()),
                CASE WHEN %(status)s <> 'pending' THEN now() END,
                CASE WHEN %(status)s IN ('completed', 'failed') THEN now() END)
        """,
        {
            "id": job.id,
            "user_id": user_id,
            "collection_id": collection.id,
            "name": f"Collection Generation: {collection.title}",
            "status": status,
            "progress": progress,
            "steps": steps,
            "data": Jsonb({"collectionId": str(collection.id), "variables": variables or {}, **(about or {})}),
            "retry_count": retry_count,
            "workflow_output": workflow_output,
            "error_message": error_message,
            "job_type": job_type,
            "created_at": created_at,
        },
    )
    for message in history:
        await add_history(tx, job.id, message, status="pending")
    return job


async def add_history(
    tx: Transaction, job_id: UUID, message: str, *, status: str = "processing", data: dict[str, Any] | None = None
) -> int:
    """A history row; its id. Locks the job first, as every writer of history does."""
    await tx.execute("SELECT FROM job WHERE id = %s FOR NO KEY UPDATE", (job_id,))
    row_id: int = await tx.fetch_value(
        "INSERT INTO job_history (job_id, status, message, data) VALUES (%s, %s, %s, %s) RETURNING id",
        (job_id, status, message, None if data is None else Jsonb(data)),
    )
    return row_id


async def make_step(
    tx: Transaction,
    job: Job | None = None,
    *,
    order: int = 1,
    step_type: str = "local_image",
    status: str = "pending",
    generation: int = 0,
    is_result: bool = True,
    depends_on: tuple[UUID, ...] = (),
    input_data: dict[str, Any] | None = None,
    output_data: dict[str, Any] | None = None,
    retry_attempt: int = 0,
    dead_letter: dict[str, Any] | None = None,
) -> UUID:
    """A step of a job (a new one unless told): ready to send unless it depends on others."""
    job = job or await make_job(tx)
    step_id = new_id()
    payload = {"prompt": "a quiet harbour"} if input_data is None and not depends_on else input_data
    await tx.execute(
        """
        INSERT INTO step (id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                          depends_on, template, input_data, output_data, status, dead_letter, started_at,
                          completed_at)
        VALUES (%(id)s, %(job_id)s, %(retry_attempt)s, %(order)s, %(type)s, %(type)s, %(generation)s, %(is_result)s,
                %(depends_on)s, %(template)s, %(input_data)s, %(output_data)s, %(status)s, %(dead_letter)s,
                CASE WHEN %(status)s <> 'pending' THEN now() END,
                CASE WHEN %(status)s IN ('completed', 'failed') THEN now() END)
        """,
        {
            "id": step_id,
            "job_id": job.id,
            "retry_attempt": retry_attempt,
            "order": order,
            "type": step_type,
            "generation": generation,
            "is_result": is_result,
            "depends_on": list(depends_on),
            "template": Jsonb({}) if depends_on else None,
            "input_data": None if payload is None else Jsonb(payload),
            "output_data": None if output_data is None else Jsonb(output_data),
            "status": status,
            "dead_letter": None if dead_letter is None else Jsonb(dead_letter),
        },
    )
    return step_id


async def make_pause(tx: Transaction, scope: str, name: str) -> str:
    """A pause of workers; gives the name."""
    await tx.execute("INSERT INTO worker_pause (scope, name) VALUES (%s, %s)", (scope, name))
    return name
