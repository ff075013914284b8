"""Jobs as lists and live channels show them: slim rows, with what a tile or a line of a table needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from emprops.credits.amounts import to_number
from emprops.jobs.queries import COLUMNS_BUT_DATA, JobRow, as_json, named
from emprops.kit.database import Transaction
from emprops.media.result_links import ResultLinks

EXCERPT = 500
"""Characters of an error that are shown."""
_ASKED = """
    CASE WHEN j.retry_count = 0 THEN j.created_at ELSE coalesce((
        SELECT b.created_at FROM job_retry_backup b WHERE b.job_id = j.id AND b.retry_attempt = j.retry_count
    ), j.created_at) END
"""
"""When the present attempt of a job ``j`` was asked for."""
WAITED = f"greatest(extract(epoch FROM coalesce(j.started_at, j.completed_at, now()) - {_ASKED}), 0)::float8"
"""Seconds that the present attempt of a job ``j`` has waited for its first step to start."""
RAN = """CASE WHEN j.started_at IS NOT NULL
    THEN greatest(extract(epoch FROM coalesce(j.completed_at, now()) - j.started_at), 0)::float8 END"""
"""Seconds that it has run; null if it has not started."""


@dataclass(frozen=True, slots=True)
class SlimJob(JobRow):
    """A job without its payload, unless that was asked for, with what belongs to it."""

    collection_id: UUID | None
    collection_title: str | None
    cancelled: bool
    url: str | None
    """What its first visible output shows."""
    thumbnail_url: str | None
    flat_file_id: int | None
    mime_type: str | None
    waited: float
    ran: float | None
    cost: int | None
    """In micro-credits."""


def row_json(job: SlimJob, results: ResultLinks) -> dict[str, Any]:
    """Return a slim row as the API shows it; ``data`` is in it if it was read."""
    row = as_json(named(job, results))
    url, thumbnail_url = results.of_output(job.url, job.thumbnail_url, job.flat_file_id)
    is_picture = (job.mime_type or "").startswith("image/")
    if job.data == "null":
        del row["data"]
    if job.error_message is not None and len(job.error_message) > EXCERPT:
        row["error_message"] = f"{job.error_message[: EXCERPT - 1]}…"
    return row | {
        "collection_id": job.collection_id,
        "collection_title": job.collection_title,
        "cancelled": job.cancelled,
        "thumbnail_url": thumbnail_url or (url if is_picture else None),
        "mime_type": job.mime_type,
        "wait_seconds": round(job.waited, 3),
        "run_seconds": None if job.ran is None else round(job.ran, 3),
        "cost": None if job.cost is None else to_number(job.cost),
    }


def encoded(row: dict[str, Any]) -> orjson.Fragment:
    """Encode a row once, for all who get it."""
    return orjson.Fragment(orjson.dumps(row, option=orjson.OPT_UTC_Z))


async def slim_jobs(reader: Transaction, job_ids: Sequence[UUID], *, with_data: bool = False) -> list[SlimJob]:
    """Read these jobs in one statement, in the order of the ids. Jobs that do not exist are left out."""
    data = "j.data::text" if with_data else "'null'"
    return await reader.fetch_all(
        SlimJob,
        f"""
        SELECT {COLUMNS_BUT_DATA}, {data} AS data, j.collection_id, c.title AS collection_title,
               j.cancelled_at IS NOT NULL AS cancelled,
               made.url, made.thumbnail_url, made.flat_file_id, made.mime_type, {WAITED} AS waited, {RAN} AS ran,
               CASE h.state WHEN 'captured' THEN coalesce(h.charged, h.amount) WHEN 'held' THEN h.amount END AS cost
        FROM unnest(%s::uuid[]) WITH ORDINALITY AS asked (id, place) JOIN job j ON j.id = asked.id
        LEFT JOIN collection c ON c.id = j.collection_id
        LEFT JOIN credit_hold h ON h.job_id = j.id
        LEFT JOIN LATERAL (
            SELECT o.url, o.mime_type, o.thumbnail_url, o.flat_file_id FROM output o
            WHERE o.job_id = j.id AND o.status = 'completed' ORDER BY o.generation, o.id LIMIT 1
        ) made ON true
        ORDER BY asked.place
        """,
        (list(job_ids),),
    )
