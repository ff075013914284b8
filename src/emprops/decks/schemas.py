"""The shapes of deck replies (spec: Deck Endpoints)."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from emprops.decks.views import DeckOutputRow, DeckRow

Status = Literal["active", "archived", "published", "locked"]
OutputStatus = Literal["pending", "processing", "completed", "failed"]


class CollectionRef(BaseModel):
    """The collection a deck belongs to."""

    id: UUID
    title: str
    cover_image_url: str | None


class DeckOutput(BaseModel):
    """An output in its deck. ``job_id`` and ``error_message`` are for the deck's owner; others see null."""

    id: UUID
    url: str | None
    status: OutputStatus
    mime_type: str | None
    thumbnail_url: str | None
    position: int
    """From 1; positions may be missing."""
    collection_id: UUID
    """Differs from the deck's for developed outputs."""
    job_id: UUID | None
    source_output_id: UUID | None
    error_message: str | None
    created_at: datetime
    completed_at: datetime | None


class DeckView(BaseModel):
    """A deck with its outputs (spec: Get Deck)."""

    id: UUID
    name: str
    description: str | None
    status: Status
    output_count: int
    """Visible outputs, also those beyond the part that ``outputs`` shows."""
    collection_id: UUID
    collection: CollectionRef
    cover_output_id: UUID | None
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    outputs: list[DeckOutput]


def view_of(deck: DeckRow, outputs: list[DeckOutputRow], *, private: bool) -> DeckView:
    """Show a deck; ``private``: with what concerns only its owner."""
    concealed = {} if private else {"job_id": None, "error_message": None}
    return DeckView.model_validate(
        {
            **asdict(deck),
            "collection": {
                "id": deck.collection_id,
                "title": deck.collection_title,
                "cover_image_url": deck.collection_cover,
            },
            "outputs": [{**asdict(output), **concealed} for output in outputs],
        }
    )
