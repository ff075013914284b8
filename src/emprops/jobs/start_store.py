"""SQL of starting a job: the job itself and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be inserted, pending."""

    id: UUID
    user_id: UUID
    collection_id: UUID | None
    collection_version: int | None
    name: str
    description: str
    priority: int
    total_steps: int
    data: dict[str, Any]
    job_type: str = "collection_generation"
    max_retries: int = 3
    trace: str = ""
    """W3C ``traceparent`` of what starts it, or empty."""
    moderation: str | None = None
    """What has to be decided before it goes on."""
    key_id: UUID | None = None
    """The API key that starts it, if one does."""
    price: dict[str, Any] | None = None
    """The parts of its price; None: it is free."""


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step about to be inserted, pending. ``input_data`` None: it waits for the steps it refers to."""

    id: UUID
    job_id: UUID
    step_order: int
    step_name: str
    step_type: str
    generation: int
    is_result: bool
    depends_on: tuple[UUID, ...]
    template: dict[str, Any] | None
    input_data: dict[str, Any] | None
    requirements: dict[str, Any]
    retry_attempt: int = 0
    held_back_for: UUID | None = None
    """The user for whose quota it waits before it goes to the queue."""
    builders: tuple[UUID, ...] = ()
    """Who must be allowed to build what it runs, see ``orchestrator/policing.py``."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who started a job, from what."""

    user_id: UUID
    collection_id: UUID | None


async def reserve_id(tx: Transaction, job_id: UUID) -> Origin | None:
    """Keep a job id that a caller chose for this transaction; if there is a job of that id, tell where it is from.

    Two requests with one id wait for each other here, so the second finds the first one's job.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (str(job_id),))
    return await tx.fetch_one(Origin, "SELECT user_id, collection_id FROM job WHERE id = %s", (job_id,))


async def insert_job(tx: Transaction, job: NewJob) -> datetime | None:
    """Insert a pending job; returns when it was created, None if there is a job of that id already."""
    created_at: datetime | None = await tx.fetch_value(
        """
        INSERT INTO job (id, user_id, collection_id, collection_version, name, description, job_type, priority,
                         total_steps, data, max_retries, trace, key_id, price, moderation, progress)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0)
        ON CONFLICT (id) DO NOTHING
        RETURNING created_at
        """,
        (
            job.id,
            job.user_id,
            job.collection_id,
            job.collection_version,
            job.name,
            job.description,
            job.job_type,
            job.priority,
            job.total_steps,
            Jsonb(job.data),
            job.max_retries,
            job.trace or None,
            job.key_id,
            None if job.price is None else Jsonb(job.price),
            job.moderation,
        ),
    )
    return created_at


async def insert_steps(tx: Transaction, steps: Sequence[NewStep]) -> None:
    """Insert pending steps."""
    await tx.execute_many(
        """
        INSERT INTO step (id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                          depends_on, template, input_data, requirements, held_back_for, builders)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            (
                step.id,
                step.job_id,
                step.retry_attempt,
                step.step_order,
                step.step_name,
                step.step_type,
                step.generation,
                step.is_result,
                list(step.depends_on),
                None if step.template is None else Jsonb(step.template),
                None if step.input_data is None else Jsonb(step.input_data),
                Jsonb(step.requirements),
                step.held_back_for,
                list(step.builders),
            )
            for step in steps
        ],
    )
