"""Lists of jobs: narrowed, counted, newest first. What a list shows of a job is in ``row_queries.py``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.cursors import MAX_COUNTED, Seek

FEW = 2_000
"""So many jobs are found by words or by their worker and then put into order. Where there are more, a short walk along
the list fills a page."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A job's place in a list."""

    id: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed to."""

    statuses: tuple[str, ...] = ()
    collection_id: UUID | None = None
    job_type: str | None = None
    since: datetime | None = None
    """Made not before this time."""
    until: datetime | None = None
    """Made before this time."""
    text: str | None = None
    """Words, or beginnings of words, that all occur in what its outputs are made from."""
    worker: str | None = None
    """A worker that has run one of its steps."""

    def conditions(self, created: str) -> list[str]:
        """Return the SQL of what stands in the job's row; ``created`` is the time it was made."""
        wanted = {
            "j.collection_id = %(collection_id)s": self.collection_id,
            "j.job_type = %(job_type)s": self.job_type,
            f"{created} >= %(since)s": self.since,
            f"{created} < %(until)s": self.until,
        }
        return [sql for sql, value in wanted.items() if value is not None]


async def job_places(reader: Transaction, user_id: UUID | None, wanted: JobFilter, seek: Seek) -> list[Listing]:
    """List a user's jobs (None: everybody's), newest first: as many as are asked for, and one more if there are more.

    Each state has its own walk along an index in the order of the list, and these are merged.
    """
    narrowed = await _narrowed(reader, user_id, wanted, seek)
    created = _created(user_id)
    order = f"ORDER BY {created} DESC, j.id DESC"
    walks = [
        f"(SELECT j.id, j.created_at FROM job j WHERE {where} {order} LIMIT %(last)s)"
        for where in narrowed.each_status()
    ]
    return await reader.fetch_all(
        Listing,
        f"""
        SELECT id, created_at FROM ({" UNION ALL ".join(walks)}) found
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        narrowed.values,
    )


async def count_jobs(reader: Transaction, user_id: UUID | None, wanted: JobFilter) -> int:
    """Count a user's jobs (None: everybody's), up to one more than :data:`MAX_COUNTED`."""
    narrowed = await _narrowed(reader, user_id, wanted, None)
    parts = [f"(SELECT FROM job j WHERE {where} LIMIT %(last)s)" for where in narrowed.each_status()]
    counted: int = await reader.fetch_value(
        f"SELECT count(*) FROM (SELECT FROM ({' UNION ALL '.join(parts)}) part LIMIT %(last)s) found",
        narrowed.values | {"last": MAX_COUNTED + 1},
    )
    return counted


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """The conditions of a list, and their values."""

    where: str
    statuses: tuple[str, ...]
    values: dict[str, Any]

    def each_status(self) -> list[str]:
        """Return the conditions, once per state that is asked for; of all states at once if none is named."""
        return [f"{self.where} AND j.status = '{status}'" for status in self.statuses] or [self.where]


def _created(user_id: UUID | None) -> str:
    # the same order, in the words of the index that serves it (migration 0018)
    return "(j.created_at AT TIME ZONE 'UTC')" if user_id is None else "j.created_at"


async def _narrowed(reader: Transaction, user_id: UUID | None, wanted: JobFilter, seek: Seek | None) -> _Narrowed:
    created = _created(user_id)
    where = ["true"] if user_id is None else ["j.user_id = %(user_id)s"]
    where += wanted.conditions(created)
    values: dict[str, Any] = {
        "user_id": user_id,
        "collection_id": wanted.collection_id,
        "job_type": wanted.job_type,
        "since": _as_indexed(wanted.since, user_id),
        "until": _as_indexed(wanted.until, user_id),
        "text": wanted.text,
        "worker": wanted.worker,
    }
    if wanted.text is not None:
        words = "s.words @@ " + ("words_of_all(%(text)s)" if user_id is None else "words_wanted(%(user_id)s, %(text)s)")
        made = "output o JOIN output_search s ON s.output_id = o.id"
        found = await reader.fetch_values(f"SELECT o.job_id FROM {made} WHERE {words} LIMIT {FEW + 1}", values)
        values["with_words"] = found
        walked = f"EXISTS (SELECT FROM {made} WHERE o.job_id = j.id AND {words} OFFSET 0)"
        where.append(walked if len(found) > FEW else "j.id = ANY(%(with_words)s)")
    if wanted.worker is not None:
        values["of_worker"] = await _jobs_of_worker(reader, wanted.worker)
        walked = "EXISTS (SELECT FROM step s WHERE s.job_id = j.id AND s.worker_id = %(worker)s OFFSET 0)"
        where.append(walked if len(values["of_worker"]) > FEW else "j.id = ANY(%(of_worker)s)")
    if seek is not None:
        values |= {"limit": seek.page.limit + 1, "offset": seek.page.offset}
        values["last"] = seek.page.limit + 1 + seek.page.offset
        if seek.after is not None:
            where.append(f"({created}, j.id) < (%(after)s, %(after_id)s)")
            values |= {"after": _as_indexed(seek.after[0], user_id), "after_id": seek.after[1]}
    return _Narrowed(" AND ".join(where), tuple(dict.fromkeys(wanted.statuses)), values)


def _as_indexed(time: datetime | None, user_id: UUID | None) -> datetime | None:
    """Return a time as the index of the list has it: everybody's is by the time in UTC, without a zone."""
    if time is None:
        return None
    return time.astimezone(UTC).replace(tzinfo=None) if user_id is None else time


async def _jobs_of_worker(reader: Transaction, worker: str) -> list[UUID]:
    """Return the jobs of which a worker has run, or runs, a step; more than :data:`FEW` means that there are many."""
    return await reader.fetch_values(
        """
        (SELECT job_id FROM step WHERE worker_id = %(worker)s AND status IN ('completed', 'failed') LIMIT %(most)s)
        UNION
        (SELECT job_id FROM step WHERE worker_id = %(worker)s AND status = 'processing' AND input_data IS NOT NULL
             AND held_back_for IS NULL LIMIT %(most)s)
        """,
        {"worker": worker, "most": FEW + 1},
    )
