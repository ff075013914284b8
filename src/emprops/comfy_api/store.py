"""SQL that writes: the collection that a user's submissions belong to."""

from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction


async def insert_collection(tx: Transaction, collection_id: UUID, project_id: UUID, title: str, data: object) -> None:
    """Insert the collection, unless somebody was faster."""
    await tx.execute(
        "INSERT INTO collection (id, project_id, title, data) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (collection_id, project_id, title, Jsonb(data)),
    )
