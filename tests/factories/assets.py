"""Files that users brought."""

from uuid import UUID

from blake3 import blake3
from tests.factories.people import make_user

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id


async def make_asset(tx: Transaction, user_id: UUID | None = None, *, key: str = "") -> UUID:
    """A small PNG of the user's, which may be missing in storage."""
    user_id, asset_id = await make_user(tx, user_id), new_id()
    digest = blake3(asset_id.bytes).hexdigest()
    await tx.execute(
        """
        WITH file AS (
            INSERT INTO asset_file (id, key, blake3, sha256, size_bytes, mime_type)
            VALUES (%(id)s, %(key)s, %(digest)s, %(digest)s, 8, 'image/png')
            ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING id
        )
        INSERT INTO asset (id, user_id, file_id, source_blake3, keeps_metadata, size_bytes)
        SELECT %(id)s, %(user_id)s, file.id, %(digest)s, false, 8 FROM file
        """,
        {"id": asset_id, "user_id": user_id, "key": key or f"assets/{asset_id.hex}.png", "digest": digest},
    )
    return asset_id


async def make_upload(tx: Transaction, user_id: UUID | None = None) -> UUID:
    """An upload of the user's of which nothing came yet."""
    user_id, upload_id = await make_user(tx, user_id), new_id()
    await tx.execute(
        "INSERT INTO asset_upload (id, user_id, size_bytes, presigned, keeps_metadata)"
        " VALUES (%s, %s, 9, false, false)",
        (upload_id, user_id),
    )
    return upload_id
