"""Reads for the streams of a process: what many jobs look like, and which of them look different by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.jobs.queries import COLUMNS, HISTORY_ROW, JobRow
from emprops.kit.database import Transaction

SHOWN = "comfy_api"
"""Type of the jobs whose streams show each result."""


@dataclass(frozen=True, slots=True)
class Look(JobRow):
    """A job and its newest history, seen at the same instant."""

    after: int
    """The row of the history that was asked about."""
    newest: int
    """Id of the job's newest history row, 0 if it has none."""
    known: bool
    """Whether the row that was asked about is one of this job's."""
    rows: list[dict[str, Any]]
    """History rows after that one, oldest first."""
    cancelled: bool
    made: list[dict[str, Any]] | None
    """What it has made, see :data:`MADE`; None of jobs whose streams do not show it."""


MADE = """
    SELECT coalesce(json_agg(json_build_object(
        'id', o.id, 'name', f.name, 'mime_type', f.mime_type, 'size', coalesce(f.size_bytes, 0), 'key', f.url,
        'node', f.gen_out_data ->> 'node') ORDER BY f.id), '[]')
    FROM output o JOIN flat_file f ON f.id = o.flat_file_id WHERE o.job_id = j.id AND o.status = 'completed'
"""
"""The visible results of a job ``j`` that are files, in the order in which they were made."""


async def looks(
    reader: Transaction, asked: Sequence[tuple[UUID, int]], limit: int, *, newest_first: bool = False
) -> list[Look]:
    """Read jobs, each with up to ``limit`` history rows after a row of its own, in one statement and so of one instant.

    ``newest_first``: if there are more rows than ``limit``, the newest count, not the oldest; the order of the answer
    is the same. Jobs that do not exist are left out.
    """
    order = "DESC" if newest_first else "ASC"
    return await reader.fetch_all(
        Look,
        f"""
        SELECT {COLUMNS}, asked.after,
               coalesce((SELECT max(h.id) FROM job_history h WHERE h.job_id = j.id), 0) AS newest,
               EXISTS (SELECT FROM job_history h WHERE h.job_id = j.id AND h.id = asked.after) AS known,
               coalesce((
                   SELECT json_agg({HISTORY_ROW} ORDER BY h.id)
                   FROM (SELECT * FROM job_history h WHERE h.job_id = j.id AND h.id > asked.after
                         ORDER BY h.id {order} LIMIT %(limit)s) h
               ), '[]') AS rows,
               j.cancelled_at IS NOT NULL AS cancelled,
               CASE WHEN j.job_type = %(shown)s AND j.status = 'completed' AND j.moderation IS NULL
                    THEN ({MADE}) END AS made
        FROM unnest(%(jobs)s::uuid[], %(after)s::bigint[]) AS asked (job_id, after)
        JOIN job j ON j.id = asked.job_id
        """,
        {"jobs": [job for job, _ in asked], "after": [after for _, after in asked], "limit": limit, "shown": SHOWN},
    )


async def moved(reader: Transaction, seen: Sequence[tuple[UUID, datetime, int]]) -> list[UUID]:
    """List which of these jobs no longer have that ``updated_at`` and newest history row, or do not exist any more."""
    return await reader.fetch_values(
        """
        SELECT seen.id
        FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[]) AS seen (id, updated_at, newest)
        LEFT JOIN job j ON j.id = seen.id
        WHERE j.updated_at IS DISTINCT FROM seen.updated_at
              OR coalesce((SELECT max(h.id) FROM job_history h WHERE h.job_id = seen.id), 0) <> seen.newest
        """,
        [list(column) for column in zip(*seen, strict=True)] if seen else [[], [], []],
    )
