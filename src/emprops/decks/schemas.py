"""The shapes of deck replies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from emprops.decks.queries import DeckOutputRow, DeckRow
from emprops.decks.states import SHARED
from emprops.kit.names import visible
from emprops.kit.web.schema import Schema
from emprops.media.result_links import ResultLinks

Status = Literal["active", "archived", "published", "locked"]
OutputStatus = Literal["pending", "processing", "completed", "failed"]
SocialOrg = Literal["farcaster", "twitter", "discord", "lens", "github"]


class DeckCollection(Schema):
    """The collection a deck belongs to."""

    id: UUID
    title: str
    cover_image_url: str | None


class DeckOutput(Schema):
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


class DeckSummary(Schema):
    """A deck without its outputs."""

    id: UUID
    name: str
    description: str | None
    status: Status
    output_count: int
    """Visible outputs, also those beyond the part that ``outputs`` shows."""
    collection_id: UUID
    collection: DeckCollection
    cover_output_id: UUID | None
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    published_at: datetime | None
    page_url: str | None
    """A page that shows a published deck to everybody; null for others."""
    created_at: datetime
    updated_at: datetime


class DeckView(DeckSummary):
    """A deck with its outputs."""

    outputs: list[DeckOutput]
    """The first outputs, in their order."""


class DeckStats(Schema):
    """How many outputs a deck has in each status that occurs."""

    model_config = ConfigDict(json_schema_extra={"example": {"byStatus": {"completed": 10, "pending": 2, "failed": 1}}})

    byStatus: dict[str, int]  # noqa: N815 - the contract's spelling
    """Hidden outputs are counted for those who may change the deck only."""


DeckName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(visible)]


class NewDeck(Schema):
    """Request to make a deck. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "collection_id": "0192f3a4-7c1e-7aaa-8bbb-0123456789ab",
                "name": "My Video Collection",
                "description": "Videos from...",
                "social_org": "farcaster",
                "social_identifier": "username",
            }
        }
    )

    collection_id: UUID
    name: DeckName | None = None
    """Unless given, the collection's title."""
    description: str | None = Field(default=None, max_length=5_000)
    social_org: SocialOrg | None = None
    """The network of whom it is held for; with `social_identifier`."""
    social_identifier: str | None = Field(default=None, min_length=1, max_length=200)
    """Whom it is held for."""


class DeckChanges(Schema):
    """Request to change a deck: only what is sent changes; null clears where it may."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Updated Name", "status": "published"}})

    # factories, so that the API's description shows no defaults where there are none
    name: DeckName = Field(default_factory=str)
    description: str | None = Field(default=None, max_length=5_000)
    cover_output_id: UUID | None = None
    """A visible output of the deck as its cover; null takes it away."""
    status: Status = Field(default_factory=lambda: "active")
    """Its state from now on."""


class DeckOrder(Schema):
    """Request to reorder a deck: these outputs come first, in this order."""

    model_config = ConfigDict(json_schema_extra={"example": {"output_ids": ["0192f3a4-7c1e-7aaa-8bbb-0123456789ad"]}})

    output_ids: list[UUID] = Field(min_length=1, max_length=1_000)
    """Visible outputs of the deck."""


def summary_of(deck: DeckRow, base_url: str) -> dict[str, Any]:
    """Show a deck without its outputs, as :class:`DeckSummary` says."""
    return {
        "id": deck.id,
        "name": deck.name,
        "description": deck.description,
        "status": deck.status,
        "output_count": deck.output_count,
        "collection_id": deck.collection_id,
        "collection": {
            "id": deck.collection_id,
            "title": deck.collection_title,
            "cover_image_url": deck.collection_cover,
        },
        "cover_output_id": deck.cover_output_id,
        "is_custodial": deck.is_custodial,
        "custodied_for": deck.custodied_for,
        "published_at": deck.published_at,
        "page_url": f"{base_url}/d/{deck.id}" if deck.status in SHARED else None,
        "created_at": deck.created_at,
        "updated_at": deck.updated_at,
    }


def view_of(
    deck: DeckRow, outputs: list[DeckOutputRow], base_url: str, results: ResultLinks, *, private: bool
) -> dict[str, Any]:
    """Show a deck as :class:`DeckView` says; ``private``: with what concerns only its owner."""
    return {
        **summary_of(deck, base_url),
        "outputs": [_output_of(output, results, private=private) for output in outputs],
    }


def _output_of(output: DeckOutputRow, results: ResultLinks, *, private: bool) -> dict[str, Any]:
    url, thumbnail_url = results.of_output(output.url, output.thumbnail_url, output.flat_file_id)
    return {
        "id": output.id,
        "url": url,
        "status": output.status,
        "mime_type": output.mime_type,
        "thumbnail_url": thumbnail_url,
        "position": output.position,
        "collection_id": output.collection_id,
        "job_id": output.job_id if private else None,
        "source_output_id": output.source_output_id,
        "error_message": output.error_message if private else None,
        "created_at": output.created_at,
        "completed_at": output.completed_at,
    }
