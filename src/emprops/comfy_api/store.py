"""SQL that writes: the collection that a user's submissions belong to, and the assets that a job takes."""

from collections.abc import Collection
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction


async def insert_collection(tx: Transaction, collection_id: UUID, project_id: UUID, title: str, data: object) -> None:
    """Insert the collection, unless somebody was faster."""
    await tx.execute(
        "INSERT INTO collection (id, project_id, title, data) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (collection_id, project_id, title, Jsonb(data)),
    )


async def record_uses(tx: Transaction, job_id: UUID, asset_ids: Collection[UUID]) -> None:
    """Record that a job takes those of these that users brought, so that they stay while it may run."""
    await tx.execute(
        "INSERT INTO asset_use (asset_id, job_id) SELECT id, %s FROM asset WHERE id = ANY(%s) FOR KEY SHARE",
        (job_id, sorted(asset_ids)),
    )
