"""SQL that reads: jobs that came through this door, and files they made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.jobs.stream_queries import MADE, SHOWN
from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as this API shows it."""

    id: UUID
    status: str
    cancelled: bool
    progress: float | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    nodes: int
    """How many nodes its graph has."""
    graph: dict[str, Any] | None
    """Its graph, while it runs."""
    labels: dict[str, str]
    results_expire_at: datetime | None
    """When the first of its results is removed; None: they are kept."""
    made: list[dict[str, Any]]
    """See :data:`~emprops.jobs.stream_queries.MADE`."""
    failure: dict[str, Any] | None
    """What was said of the step that failed."""
    waiting_step: UUID | None
    """The step that waits for a worker, if it does."""
    held_back: bool
    """Whether a quota keeps that step out of the queue."""


COLUMNS = f"""
    j.id, j.status, j.cancelled_at IS NOT NULL AS cancelled, j.progress, j.error_message, j.created_at, j.updated_at,
    j.started_at, j.completed_at,
    (SELECT count(*)::int FROM jsonb_object_keys(j.data #> '{{variables,workflow}}')) AS nodes,
    CASE WHEN j.status = 'processing' THEN j.data #> '{{variables,workflow}}' END AS graph,
    coalesce(j.data -> 'metadata', '{{}}') AS labels,
    (SELECT min(expires_at) FROM output WHERE job_id = j.id) AS results_expire_at,
    CASE WHEN j.status = 'completed' AND j.moderation IS NULL THEN ({MADE}) ELSE '[]' END AS made,
    CASE WHEN j.status = 'failed' THEN (
        SELECT h.data FROM job_history h WHERE h.job_id = j.id AND h.step_id IS NOT NULL ORDER BY h.id DESC LIMIT 1
    ) END AS failure,
    next.id AS waiting_step, coalesce(next.held_back, false) AS held_back
"""
JOBS = """
    job j LEFT JOIN LATERAL (
        SELECT s.id, s.held_back_for IS NOT NULL AS held_back FROM step s
        WHERE s.job_id = j.id AND s.retry_attempt = j.retry_count AND s.status = 'pending' LIMIT 1
    ) next ON j.status IN ('pending', 'processing') AND j.moderation IS DISTINCT FROM 'start_review'
"""


async def job_of(reader: Transaction, user_id: UUID, job_id: UUID) -> JobRow | None:
    """Return one of the user's jobs; None if there is no such job that came through this door."""
    return await reader.fetch_one(
        JobRow,
        f"SELECT {COLUMNS} FROM {JOBS} WHERE j.id = %s AND j.user_id = %s AND j.job_type = %s",
        (job_id, user_id, SHOWN),
    )


async def workflow_of(reader: Transaction, user_id: UUID, job_id: UUID) -> str | None:
    """Return the graph of a job as JSON, as it was sent."""
    workflow: str | None = await reader.fetch_value(
        "SELECT (data #> '{variables,workflow}')::text FROM job WHERE id = %s AND user_id = %s AND job_type = %s",
        (job_id, user_id, SHOWN),
    )
    return workflow


async def list_jobs(
    reader: Transaction,
    collection_id: UUID,
    user_id: UUID,
    *,
    labels: dict[str, str],
    statuses: list[str] | None,
    cancelled: bool | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[JobRow]:
    """List a user's jobs, newest first, that have these labels and are in these states; ``after``: older than this."""
    return await reader.fetch_all(
        JobRow,
        f"""
        SELECT {COLUMNS} FROM {JOBS}
        WHERE j.user_id = %(user_id)s AND j.collection_id = %(collection_id)s AND j.job_type = %(job_type)s
              AND (%(labels)s::jsonb IS NULL OR j.data -> 'metadata' @> %(labels)s::jsonb)
              AND (%(statuses)s::text[] IS NULL OR j.status = ANY(%(statuses)s))
              AND (%(cancelled)s::bool IS NULL OR (j.cancelled_at IS NOT NULL) = %(cancelled)s)
              AND (%(time)s::timestamptz IS NULL OR (j.created_at, j.id) < (%(time)s, %(id)s::uuid))
        ORDER BY j.created_at DESC, j.id DESC LIMIT %(limit)s
        """,
        {
            "user_id": user_id,
            "collection_id": collection_id,
            "job_type": SHOWN,
            "labels": Jsonb(labels) if labels else None,
            "statuses": statuses,
            "cancelled": cancelled,
            "time": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    )


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A file that a job made, and that its owner has not deleted."""

    id: UUID
    name: str
    mime_type: str
    size: int
    key: str
    created_at: datetime
    job_id: UUID | None
    expires_at: datetime | None
    """When it is removed; None: it is kept."""


async def result_of(reader: Transaction, user_id: UUID, output_id: UUID) -> ResultRow | None:
    """Return one of the user's results."""
    return await reader.fetch_one(
        ResultRow,
        """
        SELECT o.id, f.name, f.mime_type, coalesce(f.size_bytes, 0) AS size, f.url AS key, f.created_at, o.job_id,
               o.expires_at
        FROM output o JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = %s AND o.user_id = %s AND o.status = 'completed'
        """,
        (output_id, user_id),
    )


async def has_bytes(reader: Transaction, user_id: UUID, blake3: str) -> bool:
    """Return whether one of the user's assets has this content."""
    return bool(
        await reader.fetch_value(
            "SELECT EXISTS (SELECT FROM asset a JOIN asset_file f ON f.id = a.file_id"
            " WHERE f.blake3 = %s AND a.user_id = %s)",
            (blake3, user_id),
        )
    )


async def keys_of(reader: Transaction, user_id: UUID, asset_ids: list[UUID]) -> dict[UUID, str]:
    """Return where those of these assets and results are stored that are the user's: id → key."""
    rows = await reader.fetch_dicts(
        """
        SELECT a.id, f.key FROM asset a JOIN asset_file f ON f.id = a.file_id
        WHERE a.id = ANY(%(ids)s) AND a.user_id = %(user_id)s
        UNION ALL
        SELECT o.id, f.url FROM output o JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = ANY(%(ids)s) AND o.user_id = %(user_id)s AND o.status = 'completed'
        """,
        {"ids": asset_ids, "user_id": user_id},
    )
    return {row["id"]: row["key"] for row in rows}
