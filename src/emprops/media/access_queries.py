"""Reads on who may have a result that no signed URL opens: those it belongs to, and everybody while it is published."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.media.retention_store import KEY

_FILES = """
    LATERAL (
        SELECT id, user_id FROM flat_file WHERE url = asked.key
        UNION ALL SELECT id, user_id FROM flat_file WHERE thumbnail_url = asked.key
    ) f
"""
"""The files that a key is of, or is the small picture of."""
_PUBLISHED = f"""
    EXISTS (SELECT FROM output o JOIN deck d ON d.id = o.deck_id
            WHERE o.flat_file_id = f.id AND o.status = 'completed' AND d.status = 'published')
 OR EXISTS (SELECT FROM project p JOIN collection c ON c.project_id = p.id
            WHERE p.user_id = f.user_id AND c.status = 'published' AND NOT c.archived
              AND asked.key IN (substring(c.cover_image_url FROM {KEY}), substring(c.miniapp_cover_image FROM {KEY})))
"""
"""It is in a published deck, or the cover of a published collection of its owner's."""
_SHOWN_BY = """
    EXISTS (SELECT FROM output o WHERE o.flat_file_id = f.id AND o.user_id = {user} AND o.status <> 'hidden')
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may have a result."""

    key: str
    published: bool
    """Everybody."""
    owned: bool
    """The user who was asked about: it was made for them, or an output of theirs shows it."""
    owner: UUID | None
    """For whom it was made."""


async def access_to(reader: Transaction, keys: Collection[str], user_id: UUID | None) -> dict[str, Access]:
    """Return who may have these results; those of which nothing is recorded are missing."""
    rows = await reader.fetch_all(
        Access,
        f"""
        SELECT asked.key, bool_or({_PUBLISHED}) AS published, (array_agg(f.user_id))[1] AS owner,
               bool_or(coalesce(f.user_id = %(user)s::uuid, false)
                       OR {_SHOWN_BY.format(user="%(user)s::uuid")}) AS owned
        FROM unnest(%(keys)s::text[]) AS asked (key) CROSS JOIN {_FILES} GROUP BY asked.key
        """,
        {"keys": list(keys), "user": user_id},
    )
    return {row.key: row for row in rows}


@dataclass(frozen=True, slots=True)
class Taken:
    """A result that a job is given."""

    job_id: UUID
    key: str
    published: bool
    granted: bool
    """It belongs to the job's user, or the collection names it and it is the owner's."""


async def taken_by(reader: Transaction, asked: Collection[tuple[UUID, str]]) -> Mapping[tuple[UUID, str], Taken]:
    """Return which of these results, given as ``(job, key)``, the jobs may take, and why."""
    rows = await reader.fetch_all(
        Taken,
        f"""
        SELECT asked.job_id, asked.key, bool_or({_PUBLISHED}) AS published, bool_or(
            coalesce(f.user_id = j.user_id, false)
            OR {_SHOWN_BY.format(user="j.user_id")}
            OR EXISTS (SELECT FROM collection c JOIN project p ON p.id = c.project_id
                       LEFT JOIN collection_version v ON v.collection_id = c.id AND v.version = j.collection_version
                       WHERE c.id = j.collection_id AND p.user_id = f.user_id
                         AND strpos(coalesce(v.data, c.data)::text, asked.key) > 0)
        ) AS granted
        FROM unnest(%(jobs)s::uuid[], %(keys)s::text[]) AS asked (job_id, key)
        JOIN job j ON j.id = asked.job_id CROSS JOIN {_FILES}
        GROUP BY asked.job_id, asked.key
        """,
        {"jobs": [job_id for job_id, _ in asked], "keys": [key for _, key in asked]},
    )
    return {(row.job_id, row.key): row for row in rows}
