"""SQL of starting a job: the job itself, its steps, and the first lines of its history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.jobs.store import HistoryEntry
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


async def reserve_ids(tx: Transaction, job_ids: Collection[UUID]) -> dict[UUID, Origin]:
    """Keep job ids that callers chose for this transaction; returns where the jobs are from that exist already.

    Two requests with one id wait for each other here, so the second finds the first one's job.
    """
    if not job_ids:
        return {}
    wanted = sorted(job_ids)
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(id, 1)) FROM unnest(%s::text[]) AS wanted (id)",
        ([str(job_id) for job_id in wanted],),
    )
    rows = await tx.fetch_dicts("SELECT id, user_id, collection_id FROM job WHERE id = ANY(%s)", (wanted,))
    return {row["id"]: Origin(row["user_id"], row["collection_id"]) for row in rows}


async def insert_jobs(
    tx: Transaction, jobs: Sequence[NewJob], steps: Sequence[NewStep], history: Sequence[HistoryEntry]
) -> dict[UUID, datetime]:
    """Insert pending jobs with their steps and the first lines of their history; returns when each was created. One is
    missing, with all that is its own, if there is a job of its id already."""
    rows = await tx.fetch_dicts(
        """
        WITH created AS (
            INSERT INTO job (id, user_id, collection_id, collection_version, name, description, job_type, priority,
                             total_steps, data, max_retries, trace, key_id, price, moderation, progress)
            SELECT id, user_id, collection_id, collection_version, name, description, job_type, priority,
                   total_steps, data, max_retries, nullif(trace, ''), key_id, price, moderation, 0
            FROM jsonb_to_recordset(%(jobs)s) AS new (
                id uuid, user_id uuid, collection_id uuid, collection_version int, name text, description text,
                job_type text, priority int, total_steps int, data jsonb, max_retries int, trace text, key_id uuid,
                price jsonb, moderation text)
            ON CONFLICT (id) DO NOTHING
            RETURNING id AS job_id, created_at
        ), with_steps AS (
            INSERT INTO step (id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                              depends_on, template, input_data, requirements, held_back_for, builders)
            SELECT id, job_id, retry_attempt, step_order, step_name, step_type, generation, is_result,
                   depends_on, template, input_data, requirements, held_back_for, builders
            FROM jsonb_to_recordset(%(steps)s) AS new (
                id uuid, job_id uuid, retry_attempt int, step_order int, step_name text, step_type text,
                generation int, is_result boolean, depends_on uuid[], template jsonb, input_data jsonb,
                requirements jsonb, held_back_for uuid, builders uuid[]) JOIN created USING (job_id)
        ), with_history AS (
            INSERT INTO job_history (job_id, status, message, data)
            SELECT job_id, status, message, data
            FROM ROWS FROM (jsonb_to_recordset(%(history)s) AS (job_id uuid, status text, message text, data jsonb))
                 WITH ORDINALITY JOIN created USING (job_id)
            ORDER BY ordinality
        )
        SELECT job_id, created_at FROM created
        """,
        {"jobs": Jsonb(jobs), "steps": Jsonb(steps), "history": Jsonb(history)},
    )
    return {row["job_id"]: row["created_at"] for row in rows}
