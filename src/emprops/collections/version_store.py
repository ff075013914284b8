"""Versions of a collection: what was published, and when. Publishing is what makes one (docs/decisions/0008)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class Version:
    """One published state of a collection's data."""

    version: int
    created_at: datetime
    is_current: bool
    """Generations that start now use it."""


@dataclass(frozen=True, slots=True)
class VersionData(Version):
    """A version with its instruction set."""

    data: Any


SELECT = """
    SELECT v.version, v.created_at, v.version = c.version AND c.status = 'published' AS is_current {data}
    FROM collection_version v JOIN collection c ON c.id = v.collection_id
    WHERE v.collection_id = %(collection_id)s
"""


async def publish(tx: Transaction, collection_id: UUID) -> bool:
    """Publish what is being worked on, of a collection that this transaction has locked; False if it is archived.

    Data that differs from what was published last gets the next number; the same data stays the version it is. The
    row of the version itself is written by a trigger.
    """
    return bool(
        await tx.execute(
            """
            UPDATE collection c
            SET status = 'published', published_at = coalesce(c.published_at, now()), updated_at = now(),
                version = c.version + (SELECT count(*) FROM collection_version v
                                       WHERE v.collection_id = c.id AND v.version = c.version AND v.data <> c.data)
            WHERE c.id = %s AND NOT c.archived
            """,
            (collection_id,),
        )
    )


async def list_versions(reader: Transaction, collection_id: UUID, page: Page) -> list[Version]:
    """List a collection's versions, newest first."""
    return await reader.fetch_all(
        Version,
        SELECT.format(data="") + "ORDER BY v.version DESC LIMIT %(limit)s OFFSET %(offset)s",
        {"collection_id": collection_id, "limit": page.limit, "offset": page.offset},
    )


async def get_version(reader: Transaction, collection_id: UUID, version: int) -> VersionData | None:
    """Return one version with its data."""
    return await reader.fetch_one(
        VersionData,
        SELECT.format(data=", v.data") + "AND v.version = %(version)s",
        {"collection_id": collection_id, "version": version},
    )
