"""SQL of uploads that are not one request."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction

KEEP_HOURS = 24
"""Hours after its last part that an upload is kept."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload, and how far it is."""

    id: UUID
    user_id: UUID
    size_bytes: int
    received: int
    parts: list[str]
    """Keys in storage."""
    sizes: list[int]
    """Bytes of each part; 0: it does not count."""
    presigned: bool
    """It is stored by its owner, as one part."""
    name: str
    keeps_metadata: bool
    expires_in: float | None
    asset_id: UUID | None
    """What it became; None: it is not whole yet."""
    expires_at: datetime
    """When it is given up."""

    @property
    def counted(self) -> list[str]:
        """The parts that make the file, in order."""
        return [key for key, size in zip(self.parts, self.sizes, strict=True) if size]


COLUMNS = f"""
    id, user_id, size_bytes, received, parts, sizes, presigned, name, keeps_metadata, expires_in, asset_id,
    updated_at + interval '{KEEP_HOURS} hours' AS expires_at
"""


async def insert(tx: Transaction, upload: Unfinished) -> Unfinished:
    """Begin an upload."""
    made = await tx.fetch_one(
        Unfinished,
        f"""
        INSERT INTO asset_upload (id, user_id, size_bytes, parts, sizes, presigned, name, keeps_metadata, expires_in)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {COLUMNS}
        """,
        (
            upload.id,
            upload.user_id,
            upload.size_bytes,
            upload.parts,
            upload.sizes,
            upload.presigned,
            upload.name,
            upload.keeps_metadata,
            upload.expires_in,
        ),
    )
    assert made is not None  # noqa: S101 - RETURNING of an insert
    return made


async def get(reader: Transaction, user_id: UUID, upload_id: UUID) -> Unfinished | None:
    """Return one of the user's uploads."""
    return await reader.fetch_one(
        Unfinished, f"SELECT {COLUMNS} FROM asset_upload WHERE id = %s AND user_id = %s", (upload_id, user_id)
    )


async def count_open(reader: Transaction, user_id: UUID) -> int:
    """Count the user's uploads that are not whole yet."""
    count: int = await reader.fetch_value(
        "SELECT count(*) FROM asset_upload WHERE user_id = %s AND asset_id IS NULL", (user_id,)
    )
    return count


async def announce_part(tx: Transaction, upload_id: UUID, *, offset: int, key: str) -> bool:
    """Note the key of a part before it is stored. False if the upload is not there, or not as far as that."""
    return (
        await tx.execute(
            """
            UPDATE asset_upload SET parts = parts || %s::text, sizes = sizes || 0::bigint, updated_at = now()
            WHERE id = %s AND received = %s AND asset_id IS NULL AND NOT presigned
            """,
            (key, upload_id, offset),
        )
        == 1
    )


async def count_part(tx: Transaction, upload_id: UUID, *, offset: int, key: str, size: int) -> Unfinished | None:
    """Count a part that is stored. None if another one came first."""
    return await tx.fetch_one(
        Unfinished,
        f"""
        UPDATE asset_upload
        SET received = received + %(size)s, sizes[array_position(parts, %(key)s)] = %(size)s, updated_at = now()
        WHERE id = %(id)s AND received = %(offset)s AND asset_id IS NULL AND array_position(parts, %(key)s) IS NOT NULL
        RETURNING {COLUMNS}
        """,
        {"id": upload_id, "offset": offset, "key": key, "size": size},
    )


async def finish(tx: Transaction, upload_id: UUID, asset_id: UUID) -> list[str]:
    """Note what an upload became; returns the keys of its parts, which are not needed any more."""
    return await tx.fetch_values(
        """
        WITH before AS (SELECT id, parts FROM asset_upload WHERE id = %(id)s FOR UPDATE), whole AS (
            UPDATE asset_upload u SET asset_id = %(asset_id)s, received = size_bytes, parts = '{}', sizes = '{}',
                updated_at = now() FROM before WHERE u.id = before.id
        )
        SELECT unnest(parts) FROM before
        """,
        {"id": upload_id, "asset_id": asset_id},
    )


async def remove(tx: Transaction, upload_id: UUID) -> list[str]:
    """Forget an upload; returns the keys of its parts."""
    return await tx.fetch_values(
        "WITH gone AS (DELETE FROM asset_upload WHERE id = %s RETURNING parts) SELECT unnest(parts) FROM gone",
        (upload_id,),
    )


async def lock_old(tx: Transaction, limit: int) -> list[UUID]:
    """Lock uploads of which nothing came for a day, without waiting for anybody."""
    return await tx.fetch_values(
        """
        SELECT id FROM asset_upload WHERE updated_at < now() - make_interval(hours => %s)
        ORDER BY updated_at LIMIT %s FOR UPDATE SKIP LOCKED
        """,
        (KEEP_HOURS, limit),
    )
