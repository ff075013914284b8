"""Reads of jobs as videos: those of a user that were started through OpenAI's API of videos, and not deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from emprops.kit.database import Transaction

MARK: Final = "openai_video"
"""Key of a job's data: what was asked for."""
_COLUMNS: Final = f"""
    j.id, j.status, coalesce(j.progress, 0) AS progress, j.created_at, j.completed_at, j.error_message,
    j.data -> '{MARK}' AS asked
"""
_THERE: Final = f"""
    j.user_id = %(user_id)s AND j.data ? '{MARK}'
    AND EXISTS (SELECT FROM output o WHERE o.job_id = j.id AND o.status <> 'hidden')
"""


@dataclass(frozen=True, slots=True)
class Video:
    """A job that makes a video."""

    id: UUID
    status: str
    progress: float
    created_at: datetime
    completed_at: datetime | None
    error_message: str | None
    asked: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """The URLs of a video that was made."""

    url: str | None
    thumbnail_url: str | None
    flat_file_id: int | None


async def video_of(reader: Transaction, user_id: UUID, job_id: UUID) -> Video | None:
    """Return one of the user's videos."""
    sql = f"SELECT {_COLUMNS} FROM job j WHERE j.id = %(id)s AND {_THERE}"
    return await reader.fetch_one(Video, sql, {"id": job_id, "user_id": user_id})


async def list_of(
    reader: Transaction, user_id: UUID, *, after: UUID | None, limit: int, oldest_first: bool
) -> list[Video]:
    """List a user's videos, those after one of them."""
    later, order = (">", "ASC") if oldest_first else ("<", "DESC")
    beyond = f"(j.created_at, j.id) {later} (SELECT a.created_at, a.id FROM job a WHERE a.id = %(after)s)"
    return await reader.fetch_all(
        Video,
        f"""
        SELECT {_COLUMNS} FROM job j WHERE {_THERE} AND {"true" if after is None else beyond}
        ORDER BY j.created_at {order}, j.id {order} LIMIT %(limit)s
        """,
        {"user_id": user_id, "after": after, "limit": limit},
    )


async def stored_of(reader: Transaction, job_id: UUID) -> Stored | None:
    """Return what a job has made; None: nothing yet."""
    return await reader.fetch_one(
        Stored,
        """
        SELECT url, thumbnail_url, flat_file_id FROM output WHERE job_id = %s AND status = 'completed'
        ORDER BY generation, id LIMIT 1
        """,
        (job_id,),
    )


async def outputs_of(reader: Transaction, job_id: UUID) -> list[UUID]:
    """Return the outputs of a job."""
    return await reader.fetch_values("SELECT id FROM output WHERE job_id = %s ORDER BY id", (job_id,))
