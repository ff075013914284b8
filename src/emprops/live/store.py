"""SQL of the live connections: look at many jobs at once, with their steps; find the jobs worth a look."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.jobs.queries import COLUMNS_BUT_DATA, JobRow
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class SeenJob(JobRow):
    """A job and the steps of its present attempt, seen at one instant. ``data`` is ``null`` unless asked for."""

    steps: list[dict[str, Any]]
    """In their order; see :func:`look` for the fields."""


async def now(reader: Transaction) -> datetime:
    """Ask the database's clock."""
    moment: datetime = await reader.fetch_value("SELECT now()")
    return moment


async def look(reader: Transaction, job_ids: Collection[UUID], whole: Collection[UUID]) -> list[SeenJob]:
    """Read these jobs and their steps in one statement; of those in ``whole`` also data and result files."""
    return await reader.fetch_all(
        SeenJob,
        f"""
        SELECT {COLUMNS_BUT_DATA},
               CASE WHEN j.id = ANY(%(whole)s) THEN j.data::text ELSE 'null' END AS data,
               coalesce((
                   SELECT json_agg(json_build_object(
                       'id', s.id, 'type', s.step_type, 'order', s.step_order, 'name', s.step_name,
                       'status', s.status, 'progress', s.progress, 'attempt', s.attempt, 'worker_id', s.worker_id,
                       'error', s.error_message, 'ready', s.input_data IS NOT NULL, 'requirements', s.requirements,
                       'reused', s.reused_from IS NOT NULL, 'changed_at', extract(epoch FROM s.updated_at),
                       'files', CASE WHEN j.id = ANY(%(whole)s) THEN s.output_data->'files' END
                   ) ORDER BY s.step_order)
                   FROM step s WHERE s.job_id = j.id AND s.retry_attempt = j.retry_count
               ), '[]') AS steps
        FROM job j WHERE j.id = ANY(%(ids)s)
        """,
        {"ids": list(job_ids), "whole": list(whole)},
    )


async def open_jobs(reader: Transaction, limit: int) -> list[UUID]:
    """List open jobs, those that changed last first."""
    return await reader.fetch_values(
        "SELECT id FROM job WHERE status IN ('pending', 'processing') ORDER BY updated_at DESC LIMIT %s", (limit,)
    )


async def newest_jobs(reader: Transaction, user_id: UUID, limit: int) -> list[UUID]:
    """List a user's jobs, newest first."""
    return await reader.fetch_values(
        "SELECT id FROM job WHERE user_id = %s ORDER BY created_at DESC, id DESC LIMIT %s", (user_id, limit)
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """A job that changed, and when."""

    id: UUID
    updated_at: datetime


async def moved_jobs(
    reader: Transaction, known: Sequence[UUID], *, seconds: float, others: bool, limit: int
) -> list[Moved]:
    """List which of the known jobs changed within the last ``seconds``; ``others``: and which open ones."""
    found = await reader.fetch_all(
        Moved,
        "SELECT id, updated_at FROM job WHERE id = ANY(%s) AND updated_at > now() - make_interval(secs => %s)",
        (list(known), seconds),
    )
    if others:
        found += await reader.fetch_all(
            Moved,
            """
            SELECT id, updated_at FROM job
            WHERE status IN ('pending', 'processing') AND updated_at > now() - make_interval(secs => %s)
            ORDER BY updated_at DESC LIMIT %s
            """,
            (seconds, limit),
        )
    return found
