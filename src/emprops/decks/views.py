"""Reads on decks."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.paging import Page


@dataclass(frozen=True, slots=True)
class DeckRow:
    """A deck with the collection it belongs to."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    name: str
    description: str | None
    status: str
    output_count: int
    cover_output_id: UUID | None
    is_custodial: bool
    custodied_for: UUID | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    collection_title: str
    collection_cover: str | None


@dataclass(frozen=True, slots=True)
class DeckOutputRow:
    """An output in its deck."""

    id: UUID
    url: str | None
    status: str
    mime_type: str | None
    thumbnail_url: str | None
    position: int
    collection_id: UUID
    job_id: UUID | None
    source_output_id: UUID | None
    error_message: str | None
    created_at: datetime
    completed_at: datetime | None


async def deck_of(reader: Transaction, deck_id: UUID) -> DeckRow | None:
    """Read one deck."""
    return await reader.fetch_one(
        DeckRow,
        """
        SELECT d.id, d.user_id, d.collection_id, d.name, d.description, d.status, d.output_count, d.cover_output_id,
               d.is_custodial, d.custodied_for, d.published_at, d.created_at, d.updated_at,
               c.title AS collection_title, c.cover_image_url AS collection_cover
        FROM deck d JOIN collection c ON c.id = d.collection_id WHERE d.id = %s
        """,
        (deck_id,),
    )


async def outputs_of_deck(reader: Transaction, deck_id: UUID, page: Page) -> list[DeckOutputRow]:
    """List a deck's visible outputs by position."""
    return await reader.fetch_all(
        DeckOutputRow,
        """
        SELECT id, url, status, mime_type, thumbnail_url, position, collection_id, job_id, source_output_id,
               error_message, created_at, completed_at
        FROM output WHERE deck_id = %s AND status <> 'hidden' ORDER BY position LIMIT %s OFFSET %s
        """,
        (deck_id, page.limit, page.offset),
    )
