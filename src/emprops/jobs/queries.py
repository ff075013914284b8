"""Reads on jobs: what callers see of a job, and of a job's history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from emprops.credits.parts import price_json
from emprops.jobs.states import TERMINAL
from emprops.kit.database import KEYS, Transaction
from emprops.kit.web.paging import Page
from emprops.media.result_links import ResultLinks

COLUMNS_BUT_DATA = """
    j.id, j.user_id, j.name, j.description, j.status, j.progress, j.error_message, j.created_at, j.updated_at,
    j.started_at, j.completed_at, j.job_type, j.priority, j.workflow_output, j.current_step, j.total_steps,
    j.retry_count, j.collection_version, j.moderation IS NOT NULL AS moderated,
    ARRAY(SELECT o.id FROM output o WHERE o.job_id = j.id ORDER BY o.generation, o.id) AS output_ids
"""
COLUMNS = f"{COLUMNS_BUT_DATA}, j.data::text AS data"

HISTORY_ROW = """
    json_build_object('id', h.id::text, 'status', h.status, 'message', h.message, 'data', h.data,
                      'created_at', to_char(h.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
"""
"""A history row as callers see it. Sessions run in UTC (``kit/database.py``)."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is read. ``data`` stays the JSON text PostgreSQL gave: it is handed on without being parsed."""

    id: UUID
    user_id: UUID
    name: str
    description: str
    status: str
    progress: float | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    job_type: str
    priority: int
    workflow_output: str | None
    data: str
    current_step: int
    total_steps: int
    retry_count: int
    collection_version: int | None
    moderated: bool
    """Whether what it makes must not be seen yet, or ever."""
    output_ids: list[UUID]
    """In the order of its generations."""


@dataclass(frozen=True, slots=True)
class JobDetail(JobRow):
    """A job, and what it waits for."""

    waiting_step: UUID | None
    """The first of its steps that waits for a worker; None if there is none."""
    held_back: bool
    """Whether a quota keeps that step out of the queue."""
    price: dict[str, Any] | None
    """The parts of its price."""
    moderation: str | None
    """What has to be decided before it goes on."""
    paid: str | None
    """The state of its hold; None if it has none."""
    charged: int | None
    """What it has cost, in micro-credits."""


Row = TypeVar("Row", bound=JobRow)


def named(job: Row, results: ResultLinks) -> Row:
    """Return a job as replies show it: with URLs of what it made that open."""
    if not results.signed:
        return job
    output = job.workflow_output and results.in_job(job.workflow_output, job.id)
    return replace(job, workflow_output=output, data=results.in_job(job.data, job.id))


def as_json(job: JobRow) -> dict[str, Any]:
    """Return the job as the API shows it, ready for :func:`to_bytes`."""
    return {
        "id": job.id,
        "name": job.name,
        "description": job.description,
        "status": job.status,
        "progress": _number(job.progress),
        "error_message": job.error_message,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "job_type": job.job_type,
        "priority": job.priority,
        "workflow_output": job.workflow_output,
        "data": orjson.Fragment(job.data),
        "current_step": job.current_step,
        "total_steps": job.total_steps,
        "retry_count": job.retry_count,
        "collection_version": job.collection_version,
        "output_ids": job.output_ids,
    }


def detail_json(job: JobDetail, queue: Any) -> dict[str, Any]:
    """Return the job by itself as the API shows it, with its price and its place in the ``queue``."""
    price = None if job.price is None else price_json(job.price, job.paid, job.charged)
    held = "" if job.status in TERMINAL else job.moderation or ""
    review = {"start_review": "start", "results_review": "results"}.get(held)
    return as_json(job) | {"price": price, "queue": queue, "review": review}


def _number(value: float | None) -> float | int | None:
    """Show whole percentages as the contract does: 50, not 50.0."""
    return int(value) if value is not None and value.is_integer() else value


def to_bytes(document: Any) -> bytes:
    """Encode; times become ISO 8601 in UTC with a Z."""
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)


async def job_of(reader: Transaction, job_id: UUID) -> JobRow | None:
    """Read one job by its key."""
    return await reader.fetch_one(JobRow, f"SELECT {COLUMNS} FROM job j WHERE j.id = %s", (job_id,))


_DETAILS = f"""
    SELECT {COLUMNS}, next.id AS waiting_step, coalesce(next.held_back, false) AS held_back,
           j.moderation, j.price, h.state AS paid,
           CASE WHEN h.state = 'captured' THEN coalesce(h.charged, h.amount) END AS charged
    FROM job j LEFT JOIN credit_hold h ON h.job_id = j.id
    LEFT JOIN LATERAL (
        SELECT s.id, s.held_back_for IS NOT NULL AS held_back FROM step s
        WHERE s.job_id = j.id AND s.retry_attempt = j.retry_count AND s.status = 'pending'
              AND s.input_data IS NOT NULL
        ORDER BY s.step_order LIMIT 1
    ) next ON j.status IN ('pending', 'processing')
"""


async def detail_of(reader: Transaction, job_id: UUID) -> JobDetail | None:
    """Read one job by its key, with the step it waits for."""
    return await reader.fetch_one(JobDetail, f"{_DETAILS} WHERE j.id = %s", (job_id,))


async def ended(reader: Transaction, job_ids: Sequence[str]) -> list[JobDetail]:
    """Read those of these jobs that have ended."""
    where = f"WHERE j.id = {KEYS} AND j.status = ANY(%s)"
    return await reader.fetch_all(JobDetail, f"{_DETAILS} {where}", (job_ids, list(TERMINAL)))


async def owner_of(reader: Transaction, job_id: UUID) -> UUID | None:
    """Return whose job it is; None if there is no such job."""
    owner: UUID | None = await reader.fetch_value("SELECT user_id FROM job WHERE id = %s", (job_id,))
    return owner


async def has_ended_at(reader: Transaction, job_id: UUID, row: int) -> bool:
    """Return whether a job has ended, and nothing has happened to it after this row of its history."""
    return bool(
        await reader.fetch_value(
            "SELECT status = ANY(%s) AND (SELECT max(id) FROM job_history WHERE job_id = job.id) = %s"
            " FROM job WHERE id = %s",
            (list(TERMINAL), row, job_id),
        )
    )


async def history_of(reader: Transaction, job_id: UUID, page: Page) -> list[dict[str, Any]]:
    """List a job's history, oldest first."""
    return await reader.fetch_values(
        f"SELECT {HISTORY_ROW} FROM job_history h WHERE h.job_id = %s ORDER BY h.id LIMIT %s OFFSET %s",
        (job_id, page.limit, page.offset),
    )
