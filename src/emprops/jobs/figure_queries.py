"""Figures of jobs: how many there are in each state, and how they went by hour or day. Of a user, or of everybody."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from emprops.jobs.row_queries import RAN, WAITED
from emprops.kit.database import Transaction

Unit = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class Point:
    """How the jobs went that were asked for in an hour, or on a day."""

    at: datetime
    """When it began."""
    jobs: int
    completed: int
    failed: int
    waits: list[float] | None
    """Seconds from asking to the first step's start, p50 and p95; None if none has started."""
    runs: list[float] | None
    """Seconds from there to the end, p50 and p95; None if none has ended."""
    charged: int
    """In micro-credits."""


async def counts_of_user(reader: Transaction, user_id: UUID) -> dict[str, int]:
    """Count a user's jobs by state, from an index alone."""
    rows = await reader.fetch_dicts(
        "SELECT status, count(*) AS n FROM job WHERE user_id = %s GROUP BY status", (user_id,)
    )
    return {row["status"]: row["n"] for row in rows}


async def counts_of_all(reader: Transaction, since: datetime) -> dict[str, int]:
    """Count everybody's jobs by state: the open ones, and of those that have ended the ones made since a time."""
    rows = await reader.fetch_dicts(
        """
        SELECT status, count(*) AS n FROM job WHERE status IN ('pending', 'processing') GROUP BY status
        UNION ALL
        SELECT status, count(*) FROM job
        WHERE (created_at AT TIME ZONE 'UTC') >= %s AND status IN ('completed', 'failed') GROUP BY status
        """,
        (_plain(since),),
    )
    return {row["status"]: row["n"] for row in rows}


async def series(
    reader: Transaction, user_id: UUID | None, *, unit: Unit, since: datetime, until: datetime
) -> list[Point]:
    """Return a point per hour or day (UTC) from the one of ``since`` up to ``until``, also where nothing was asked for.
    Of a user (None: of everybody)."""
    everybody = user_id is None
    created = "(j.created_at AT TIME ZONE 'UTC')" if everybody else "j.created_at"
    whose = "true" if everybody else "j.user_id = %(user_id)s"
    values: dict[str, Any] = {
        "user_id": user_id,
        "unit": unit,
        "step": f"1 {unit}",
        "since": since,
        "until": until,
        "begin": _plain(since) if everybody else since,
        "end": _plain(until) if everybody else until,
    }
    return await reader.fetch_all(
        Point,
        f"""
        WITH found AS (
            SELECT date_trunc(%(unit)s, j.created_at, 'UTC') AS at, j.status,
                   CASE WHEN j.started_at IS NOT NULL THEN {WAITED} END AS waited,
                   CASE WHEN j.completed_at IS NOT NULL THEN {RAN} END AS ran,
                   CASE WHEN h.state = 'captured' THEN coalesce(h.charged, h.amount) END AS charged
            FROM job j LEFT JOIN credit_hold h ON h.job_id = j.id
            WHERE {whose} AND {created} >= %(begin)s AND {created} < %(end)s
        ), summed AS (
            SELECT at, count(*) AS jobs, count(*) FILTER (WHERE status = 'completed') AS completed,
                   count(*) FILTER (WHERE status = 'failed') AS failed,
                   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) AS waits,
                   percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ran) AS runs,
                   coalesce(sum(charged), 0)::bigint AS charged
            FROM found GROUP BY at
        )
        SELECT unit.at, coalesce(s.jobs, 0) AS jobs, coalesce(s.completed, 0) AS completed,
               coalesce(s.failed, 0) AS failed, s.waits, s.runs, coalesce(s.charged, 0) AS charged
        FROM generate_series(%(since)s, %(until)s - interval '1 microsecond', %(step)s::interval) unit (at)
        LEFT JOIN summed s ON s.at = unit.at ORDER BY unit.at
        """,
        values,
    )


def _plain(time: datetime) -> datetime:
    """Return a time as the index of everybody's jobs has it (migration 0018): in UTC, without a zone."""
    return time.astimezone(UTC).replace(tzinfo=None)
