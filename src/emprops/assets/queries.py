"""SQL that reads assets, each for its owner."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.cursors import MAX_COUNTED, Seek

COLUMNS = """
    a.id, a.user_id, a.name, a.source_blake3, a.created_at, a.expires_at,
    f.key, f.blake3, f.sha256, f.size_bytes, f.mime_type, f.width, f.height, f.duration,
    a.xmin::text AS version
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a user brought."""

    id: UUID
    user_id: UUID
    name: str
    source_blake3: str
    """Of what was sent; a picture that was made safe may have other bytes."""
    created_at: datetime
    expires_at: datetime | None
    key: str
    """In storage."""
    blake3: str
    sha256: str
    size_bytes: int
    mime_type: str
    width: int | None
    height: int | None
    duration: float | None
    version: str
    """Another after each write of its row."""


async def by_id(reader: Transaction, user_id: UUID | None, asset_id: UUID) -> Asset | None:
    """Return one of the user's assets; None: anybody's."""
    return await reader.fetch_one(
        Asset,
        f"SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id"
        f" WHERE a.id = %s AND a.user_id = coalesce(%s, a.user_id)",
        (asset_id, user_id),
    )


async def by_hash(reader: Transaction, user_id: UUID, blake3: str) -> Asset | None:
    """Return the user's newest asset that was made of these bytes, or has them."""
    return await reader.fetch_one(
        Asset,
        f"""
        SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id
        WHERE a.user_id = %(user_id)s AND (a.source_blake3 = %(blake3)s OR a.file_id = (
            SELECT id FROM asset_file WHERE blake3 = %(blake3)s))
        ORDER BY a.created_at DESC, a.id DESC LIMIT 1
        """,
        {"user_id": user_id, "blake3": blake3},
    )


async def by_keys(reader: Transaction, user_ids: Collection[UUID], keys: Collection[str]) -> list[Asset]:
    """Return the assets of these users whose files are in storage under these keys."""
    return await reader.fetch_all(
        Asset,
        f"""
        SELECT {COLUMNS} FROM asset a JOIN asset_file f ON f.id = a.file_id
        WHERE a.user_id = ANY(%s) AND f.key = ANY(%s) ORDER BY a.id
        """,
        (list(user_ids), list(keys)),
    )


_LISTED = """
    FROM asset a JOIN asset_file f ON f.id = a.file_id
    WHERE a.user_id = %(user_id)s AND (%(prefix)s::text IS NULL OR starts_with(f.mime_type, %(prefix)s))
"""


async def list_of(reader: Transaction, user_id: UUID, seek: Seek, media_type: str | None = None) -> list[Asset]:
    """Return a part of the user's assets, newest first, and one more if there are more. ``media_type``: what their
    types begin with, as ``image``."""
    at, after = seek.after or (None, None)
    beyond = "" if seek.after is None else "AND (a.created_at, a.id) < (%(at)s, %(after)s)"
    return await reader.fetch_all(
        Asset,
        f"SELECT {COLUMNS} {_LISTED} {beyond} ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s OFFSET %(offset)s",
        {
            "user_id": user_id,
            "prefix": media_type and f"{media_type}/",
            "at": at,
            "after": after,
            "limit": seek.page.limit + 1,
            "offset": seek.page.offset,
        },
    )


async def count_of(reader: Transaction, user_id: UUID, media_type: str | None = None) -> int:
    """Count the user's assets, up to one more than :data:`~emprops.kit.web.cursors.MAX_COUNTED`."""
    counted: int = await reader.fetch_value(
        f"SELECT count(*) FROM (SELECT {_LISTED} LIMIT %(most)s) found",
        {"user_id": user_id, "prefix": media_type and f"{media_type}/", "most": MAX_COUNTED + 1},
    )
    return counted
