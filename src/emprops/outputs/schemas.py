"""The shapes of output requests and replies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.media.result_links import ResultLinks
from emprops.outputs.queries import OutputDetail, OutputRow
from emprops.outputs.states import HiddenBy, Source

Status = Literal["pending", "processing", "completed", "failed", "hidden"]
ShownStatus = Literal["pending", "processing", "completed", "failed"]
MediaType = Literal["image", "video", "audio", "text"]
SocialOrg = Literal["farcaster", "twitter", "discord", "lens", "github"]


class OutputDeck(Schema):
    """The deck an output is in."""

    id: UUID
    name: str


class OutputCollection(Schema):
    """The collection an output was made with."""

    id: UUID
    title: str


class OutputItem(Schema):
    """An output in a list. ``job_id`` and ``error_message`` are for those it belongs to; others see null."""

    id: UUID
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    status: Status
    source: Source
    """Where the generation was asked for."""
    collection_id: UUID
    deck_id: UUID | None
    deck: OutputDeck | None
    position: int | None
    """Place in its deck, from 1; places may be missing."""
    job_id: UUID | None
    """The job that makes it; null if there is none."""
    flat_file_id: int | None
    source_output_id: UUID | None
    """What it was developed from."""
    is_custodial: bool
    custodied_for: UUID | None
    """The social link it is held for."""
    error_message: str | None
    """Why it failed; null if it did not."""
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    """When it is removed, unless something uses it then; null: when it is deleted."""


class OutputView(OutputItem):
    """An output by itself."""

    collection: OutputCollection
    input_metadata: Any
    """What it was made from, such as the variables."""
    output_metadata: Any
    """What else is known about the result."""


class WatchableOutput(OutputView):
    """An output by itself, and its page."""

    watch_url: str | None
    """A page that shows it. Its owner's link opens for everybody who has it, for some days; null when hidden."""
    width: int | None
    height: int | None
    duration: float | None
    streams: bool
    """Whether Mux streams it: its page has the player, and `url` is the stored file."""
    hidden_by: HiddenBy | None
    """Who or what hid it: its `owner`, who can bring it back; an `operator`; the end of its `time`; the `server`,
    because another output shows the same. Null while it is visible, and for others."""
    starred: bool
    """Whether its owner starred it; false for others."""
    tags: list[str]
    """Its owner's tags, by the alphabet; none for others."""


def _web_url(text: str) -> str:
    """Accept what a browser can load; never ``javascript:`` or ``data:``, which it would run."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or any(ord(character) <= 32 for character in text):
        raise ValueError("must be an http:// or https:// URL")
    return text


WebUrl = Annotated[str, Field(max_length=4096), AfterValidator(_web_url)]
MimeType = Annotated[str, Field(max_length=200, pattern=r"^[\w.+-]+/[\w.+-]+(;.*)?$")]


class NewOutput(Schema):
    """Request to make a pending output. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "collection_id": "0192f3a4-7c1e-7aaa-8bbb-0123456789ab",
                "source": "miniapp",
                "input_metadata": {"prompt": "a quiet harbour"},
                "social_org": "farcaster",
                "social_identifier": "username",
                "auto_create_deck": True,
            }
        }
    )

    collection_id: UUID
    job_id: UUID | None = None
    """A job of the caller's, of this collection. Its result is then shown by this output, not by the server's."""
    source: Source = "unknown"
    """Where the generation was asked for."""
    input_metadata: dict[str, Any] | None = None
    """What it is made from, such as a prompt; kept with the output."""
    social_org: SocialOrg | None = None
    """The network of whom it is held for; with `social_identifier`."""
    social_identifier: str | None = Field(default=None, min_length=1, max_length=200)
    """Whom it is held for."""
    deck_id: UUID | None = None
    """A deck of the caller and the collection that takes outputs."""
    auto_create_deck: bool = True
    """False, and no ``deck_id``: the output is in no deck."""


class OutputCompletion(Schema):
    """Request to complete an output. Unknown fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "url": "https://cdn.example.com/file.mp4",
                "mime_type": "video/mp4",
                "thumbnail_url": "https://cdn.example.com/file.jpg",
                "output_metadata": {"seed": 7},
            }
        }
    )

    url: WebUrl
    """Where the result is."""
    mime_type: MimeType | None = None
    """Unless sent: what is known of the file, or its name suggests. The content decides once it was looked at."""
    thumbnail_url: WebUrl | None = None
    """A small picture of it."""
    flat_file_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    """A stored file of the caller's that this output shows."""
    output_metadata: dict[str, Any] | None = None
    """Kept with the output, as it is."""
    store_copy: bool = True
    """Copy the file behind the URL into our storage, some time after the reply; the output then shows the copy."""


class OutputFailure(Schema):
    """Request to fail an output."""

    model_config = ConfigDict(json_schema_extra={"example": {"error_message": "Generation failed: timeout"}})

    error_message: str = Field(min_length=1, max_length=5_000)
    """Why it failed, in a sentence."""


class OutputMove(Schema):
    """Request to move an output."""

    model_config = ConfigDict(json_schema_extra={"example": {"deck_id": "0192f3a4-7c1e-7aaa-8bbb-0123456789ac"}})

    deck_id: UUID | None
    """Null takes the output out of its deck."""


class OutputStats(Schema):
    """How many outputs a collection has."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"total": 150, "byStatus": {"completed": 120, "pending": 5, "failed": 20, "hidden": 5}}
        }
    )

    total: int
    """Hidden ones too."""
    byStatus: dict[str, int]  # noqa: N815 - the contract's spelling
    """Only statuses that occur."""


def view_of(row: OutputDetail, results: ResultLinks, *, private: bool) -> OutputView:
    """Show an output by itself."""
    return OutputView.model_validate(
        {
            **item_of(row, results, private=private),
            "collection": OutputCollection(id=row.collection_id, title=row.collection_title),
            "input_metadata": row.input_metadata if private else None,
            "output_metadata": row.output_metadata if private else None,
        }
    )


def watchable_of(row: OutputDetail, results: ResultLinks, watch_url: str | None, *, private: bool) -> WatchableOutput:
    """Show an output by itself, with its page."""
    return WatchableOutput.model_validate(
        {
            **view_of(row, results, private=private).model_dump(),
            "watch_url": watch_url,
            "width": row.width,
            "height": row.height,
            "duration": row.duration,
            "streams": row.streams,
            "hidden_by": row.hidden_by if private else None,
            "starred": private and row.starred,
            "tags": row.tags if private else [],
        }
    )


def item_of(row: OutputRow, results: ResultLinks, *, private: bool) -> dict[str, Any]:
    """Show an output as :class:`OutputItem` says; ``private``: with what concerns only those it belongs to."""
    in_deck = row.deck_id is not None and row.deck_name is not None
    url, thumbnail_url = results.of_output(row.url, row.thumbnail_url, row.flat_file_id)
    return {
        "id": row.id,
        "url": url,
        "mime_type": row.mime_type,
        "thumbnail_url": thumbnail_url,
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
        "expires_at": row.expires_at,
    }
