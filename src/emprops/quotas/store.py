"""SQL of quotas: what operators set, and what is used."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from emprops.kit.database import Database, Transaction
from emprops.kit.folding import fold
from emprops.kit.web.paging import Page
from emprops.quotas.limits import QUOTAS, Kind, QuotaLimits, Subject

COLUMNS = ", ".join(QUOTAS)


@dataclass(frozen=True, slots=True)
class Quota(QuotaLimits):
    """What an operator set for a subject."""

    kind: Kind = "user"
    subject: Any = None
    weight: int | None = None
    """How many of a user's steps are taken in one turn; None: 1."""
    result_days: float | None = None
    """Days for which results are kept; 0: for good, None: as the settings say."""
    updated_at: datetime | None = None
    updated_by: str = ""

    @property
    def limits(self) -> QuotaLimits:
        """The limits alone."""
        return QuotaLimits(**{name: getattr(self, name) for name in QUOTAS})


def _columns(subjects: Collection[Subject]) -> dict[str, list[Any]]:
    return {"kinds": [subject.kind for subject in subjects], "ids": [subject.id for subject in subjects]}


async def set_for(reader: Transaction, subjects: Collection[Subject]) -> dict[Subject, Quota]:
    """Return what was set for those of these subjects for whom something was."""
    rows = await reader.fetch_all(
        Quota,
        f"""
        SELECT kind, subject, {COLUMNS}, weight, result_days, updated_at, updated_by FROM quota
        WHERE (kind, subject) IN (SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::uuid[]))
        """,
        _columns(subjects),
    )
    return {Subject(row.kind, row.subject): row for row in rows}


async def list_quotas(reader: Transaction, page: Page) -> list[Quota]:
    """Return what was set, newest first."""
    return await reader.fetch_all(
        Quota,
        f"""
        SELECT kind, subject, {COLUMNS}, weight, result_days, updated_at, updated_by FROM quota
        ORDER BY updated_at DESC, kind, subject LIMIT %s OFFSET %s
        """,
        (page.limit, page.offset),
    )


async def put(
    tx: Transaction,
    subject: Subject,
    limits: QuotaLimits,
    weight: int | None = None,
    result_days: float | None = None,
    *,
    by: str,
) -> None:
    """Set all limits of a subject, the weight of a user, and how long results are kept."""
    names = (*QUOTAS, "weight", "result_days")
    columns, values = ", ".join(names), ", ".join(f"%({name})s" for name in names)
    await tx.execute(
        f"""
        INSERT INTO quota (kind, subject, {columns}, updated_by) VALUES (%(kind)s, %(subject)s, {values}, %(by)s)
        ON CONFLICT (kind, subject) DO UPDATE
        SET ({columns}, updated_at, updated_by) = ({values}, now(), %(by)s)
        """,
        {
            "kind": subject.kind,
            "subject": subject.id,
            "weight": weight,
            "result_days": result_days,
            "by": by,
            **asdict(limits),
        },
    )


async def remove(tx: Transaction, subject: Subject) -> bool:
    """Forget what was set for a subject. False if nothing was."""
    return await tx.execute("DELETE FROM quota WHERE kind = %s AND subject = %s", subject) == 1


@dataclass(frozen=True, slots=True)
class Started:
    """What a subject started in the present hour and day."""

    kind: Kind
    subject: Any
    hourly: int
    daily: int
    next_hour: datetime
    next_day: datetime


_WINDOWS: Final = """
    kind, subject, hourly, daily, date_trunc('hour', now()) + interval '1 hour' AS next_hour,
    date_trunc('day', now()) + interval '1 day' AS next_day
"""


async def count_started(tx: Transaction, generations: Mapping[Subject, int]) -> dict[Subject, Started]:
    """Count generations for these subjects, so many for each; returns what they have started with them.

    Until the transaction ends, nobody else counts for one of them: what is read after this does not change behind it.
    """
    rows = await tx.fetch_all(
        Started,
        f"""
        INSERT INTO quota_usage AS u (kind, subject, hour, hourly, day, daily)
        SELECT kind, subject, date_trunc('hour', now()), n, date_trunc('day', now()), n
        FROM unnest(%(kinds)s::text[], %(ids)s::uuid[], %(counts)s::int[]) AS one (kind, subject, n)
        ORDER BY kind, subject
        ON CONFLICT (kind, subject) DO UPDATE
        SET hourly = excluded.hourly + CASE WHEN u.hour = excluded.hour THEN u.hourly ELSE 0 END,
            daily = excluded.daily + CASE WHEN u.day = excluded.day THEN u.daily ELSE 0 END,
            hour = excluded.hour, day = excluded.day
        RETURNING {_WINDOWS}
        """,
        {"counts": list(generations.values()), **_columns(generations)},
    )
    return {Subject(row.kind, row.subject): row for row in rows}


async def started_by(reader: Transaction, subject: Subject) -> Started:
    """Return what a subject has started in the present hour and day."""
    found = await reader.fetch_one(
        Started,
        f"""
        SELECT {_WINDOWS} FROM (
            SELECT kind, subject, CASE WHEN u.hour = date_trunc('hour', now()) THEN u.hourly ELSE 0 END AS hourly,
                   CASE WHEN u.day = date_trunc('day', now()) THEN u.daily ELSE 0 END AS daily
            FROM (VALUES (%s::text, %s::uuid)) AS one (kind, subject) LEFT JOIN quota_usage u USING (kind, subject)
        ) present
        """,
        subject,
    )
    assert found is not None  # noqa: S101 - VALUES has one row
    return found


@dataclass(frozen=True, slots=True)
class Open:
    """What of a subject's has not ended."""

    jobs: int
    steps: int
    queued: int
    """Of the steps, those that may run: in the queue, or taken by a worker."""


_COLUMN_OF: Final[dict[Kind, str]] = {"user": "user_id", "key": "key_id", "collection": "collection_id"}


async def open_of(reader: Transaction, subject: Subject) -> Open:
    """Count the open jobs of a subject, and their open steps."""
    found = await reader.fetch_one(
        Open,
        f"""
        SELECT count(DISTINCT j.id) AS jobs, count(s.id) AS steps,
               count(s.id) FILTER (WHERE s.input_data IS NOT NULL AND s.held_back_for IS NULL) AS queued
        FROM job j LEFT JOIN step s ON s.job_id = j.id AND s.status IN ('pending', 'processing')
        WHERE j.{_COLUMN_OF[subject.kind]} = %s AND j.status IN ('pending', 'processing')
        """,
        (subject.id,),
    )
    assert found is not None  # noqa: S101 - an aggregate always gives a row
    return found


async def bytes_of(reader: Transaction, subject: Subject) -> int:
    """Return the size of the files that a user has, or that the jobs of a key or of a collection made."""
    total: int = await reader.fetch_value(
        """
        SELECT coalesce(sum(bytes), 0)::bigint FROM (
            SELECT bytes FROM stored_bytes WHERE kind = %(kind)s AND subject = %(id)s
            UNION ALL SELECT bytes FROM stored_bytes_change WHERE kind = %(kind)s AND subject = %(id)s) parts
        """,
        subject._asdict(),
    )
    return total


async def fold_changes(database: Database) -> int:
    """Add noted changes of stored bytes to the totals; an upkeep duty. Returns how many notes it took."""
    return await fold(
        database,
        "fold_stored_bytes",
        """
        WITH taken AS (
            DELETE FROM stored_bytes_change
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM stored_bytes_change LIMIT %s)) RETURNING *
        ), folded AS (
            INSERT INTO stored_bytes AS total
            SELECT kind, subject, sum(bytes) FROM taken GROUP BY kind, subject
            ON CONFLICT (kind, subject) DO UPDATE SET bytes = total.bytes + excluded.bytes
        )
        SELECT count(*) FROM taken
        """,
    )
