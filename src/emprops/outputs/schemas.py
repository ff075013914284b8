"""The shapes of output requests and replies (spec: Output Endpoints)."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from emprops.outputs.states import Source
from emprops.outputs.views import OutputDetail, OutputRow

Status = Literal["pending", "processing", "completed", "failed", "hidden"]
SocialOrg = Literal["farcaster", "twitter", "discord", "lens", "github"]


class DeckRef(BaseModel):
    """The deck an output lies in."""

    id: UUID
    name: str


class CollectionRef(BaseModel):
    """The collection an output was made with."""

    id: UUID
    title: str


class OutputItem(BaseModel):
    """An output in a list. ``job_id`` and ``error_message`` are for those it belongs to; others see null."""

    id: UUID
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    status: Status
    source: Source
    collection_id: UUID
    deck_id: UUID | None
    deck: DeckRef | None
    position: int | None
    """Place in its deck, from 1; places may be missing."""
    job_id: UUID | None
    flat_file_id: int | None
    source_output_id: UUID | None
    """What it was developed from."""
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class OutputView(OutputItem):
    """An output by itself (spec: Get Output)."""

    collection: CollectionRef
    input_metadata: Any
    output_metadata: Any


def item_of(row: OutputRow, *, private: bool) -> OutputItem:
    """Show an output; ``private``: with what concerns only those it belongs to."""
    return OutputItem.model_validate(_item(row, private=private))


def view_of(row: OutputDetail, *, private: bool) -> OutputView:
    """Show an output by itself."""
    return OutputView.model_validate(
        {
            **_item(row, private=private),
            "collection": CollectionRef(id=row.collection_id, title=row.collection_title),
            "input_metadata": row.input_metadata if private else None,
            "output_metadata": row.output_metadata if private else None,
        }
    )


def _item(row: OutputRow, *, private: bool) -> dict[str, Any]:
    in_deck = row.deck_id is not None and row.deck_name is not None
    return {
        "id": row.id,
        "url": row.url,
        "mime_type": row.mime_type,
        "thumbnail_url": row.thumbnail_url,
        "status": row.status,
        "source": row.source,
        "collection_id": row.collection_id,
        "deck_id": row.deck_id,
        "deck": {"id": row.deck_id, "name": row.deck_name} if in_deck else None,
        "position": row.position,
        "job_id": row.job_id if private else None,
        "flat_file_id": row.flat_file_id,
        "source_output_id": row.source_output_id,
        "is_custodial": row.is_custodial,
        "custodied_for": row.custodied_for,
        "error_message": row.error_message if private else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "completed_at": row.completed_at,
    }
