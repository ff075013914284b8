"""Decks, outputs and rows about files."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from tests.factories.collections import Collection, make_collection
from tests.factories.jobs import Job
from tests.factories.people import make_user

from emprops.kit.database import Transaction
from emprops.kit.ids import new_id

OUTPUT = """
    INSERT INTO output (id, user_id, collection_id, deck_id, position, job_id, status, generation, url, mime_type,
                        flat_file_id, is_custodial, custodied_for, source_output_id, error_message, input_metadata,
                        created_at, completed_at)
    VALUES (%(id)s, %(user_id)s, %(collection_id)s, %(deck_id)s, %(position)s, %(job_id)s, %(status)s,
            %(generation)s, %(url)s, %(mime_type)s, %(flat_file_id)s, %(custodied_for)s::uuid IS NOT NULL,
            %(custodied_for)s, %(source_output_id)s, %(error_message)s, %(input_metadata)s, clock_timestamp(),
            CASE WHEN %(status)s = 'completed' THEN now() END)
"""


async def make_deck(
    tx: Transaction,
    collection: Collection | None = None,
    user_id: UUID | None = None,
    *,
    name: str = "My Deck",
    status: str = "active",
    custodied_for: UUID | None = None,
    created_at: datetime | None = None,
) -> UUID:
    """An empty deck of a collection (a new one unless told), of the collection's owner unless told."""
    collection = collection or await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    deck_id = new_id()
    await tx.execute(
        """
        INSERT INTO deck (id, user_id, collection_id, name, status, is_custodial, custodied_for, published_at,
                          created_at)
        VALUES (%(id)s, %(user_id)s, %(collection_id)s, %(name)s, %(status)s, %(custodied_for)s::uuid IS NOT NULL,
                %(custodied_for)s, CASE WHEN %(status)s = 'published' THEN now() END,
                coalesce(%(created_at)s, clock_timestamp()))
        """,
        {
            "id": deck_id,
            "user_id": user_id,
            "collection_id": collection.id,
            "name": name,
            "status": status,
            "custodied_for": custodied_for,
            "created_at": created_at,
        },
    )
    return deck_id


async def make_output(
    tx: Transaction,
    collection: Collection | None = None,
    user_id: UUID | None = None,
    *,
    deck_id: UUID | None = None,
    job: Job | None = None,
    status: str = "pending",
    generation: int = 0,
    url: str | None = None,
    mime_type: str | None = None,
    flat_file_id: int | None = None,
    custodied_for: UUID | None = None,
    source_output_id: UUID | None = None,
    error_message: str | None = None,
    input_metadata: dict[str, Any] | None = None,
) -> UUID:
    """An output of the job's owner and collection, else of those given, else of new ones; at the end of its deck.

    A completed one gets a URL unless told.
    """
    if job is not None:
        collection, user_id = job.collection, user_id or job.user_id
    collection = collection or await make_collection(tx, user_id)
    user_id = await make_user(tx, user_id or collection.user_id)
    output_id = new_id()
    if status == "completed":
        url, mime_type = url or f"http://testserver/files/generations/{output_id}.png", mime_type or "image/png"
    await tx.execute(
        OUTPUT,
        {
            "id": output_id,
            "user_id": user_id,
            "collection_id": collection.id,
            "deck_id": deck_id,
            "position": None if deck_id is None else await _take_position(tx, deck_id, visible=status != "hidden"),
            "job_id": job and job.id,
            "status": status,
            "generation": generation,
            "url": url,
            "mime_type": mime_type,
            "flat_file_id": flat_file_id,
            "custodied_for": custodied_for,
            "source_output_id": source_output_id,
            "error_message": error_message,
            "input_metadata": None if input_metadata is None else Jsonb(input_metadata),
        },
    )
    return output_id


async def _take_position(tx: Transaction, deck_id: UUID, *, visible: bool) -> int:
    position: int = await tx.fetch_value(
        """
        UPDATE deck SET last_position = last_position + 1, output_count = output_count + %s
        WHERE id = %s RETURNING last_position
        """,
        (int(visible), deck_id),
    )
    return position


async def make_file(
    tx: Transaction,
    *,
    key: str | None = None,
    mime_type: str = "image/png",
    job: Job | None = None,
    step_id: UUID | None = None,
) -> int:
    """A row about a stored file; no file is written."""
    file_id: int = await tx.fetch_value(
        "INSERT INTO flat_file (url, mime_type, user_id, job_id, step_id) VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (key or f"generations/{new_id()}.png", mime_type, job and job.user_id, job and job.id, step_id),
    )
    return file_id
