"""The shapes of what owners do to find their outputs again: the list over all collections, stars, tags, and many at
once."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from emprops.kit.names import visible
from emprops.kit.web.schema import Schema
from emprops.media.result_links import ResultLinks
from emprops.outputs.arranging import MAX_TAGS, Outcome
from emprops.outputs.library_queries import MAX_EXCERPT, LibraryRow
from emprops.outputs.schemas import OutputCollection, OutputItem, item_of

MAX_BULK = 500
LARGEST_SEED = 2**64 - 1
ID = "0192f3a4-0000-7000-8000-000000000031"


def _plain(tag: str) -> str:
    """Return a tag as it is kept: in small letters, with single spaces."""
    return " ".join(tag.split()).lower()


Tag = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(visible), AfterValidator(_plain)]


class LibraryCollection(OutputCollection):
    """The collection an output was made with."""

    slug: str | None
    """A short name that may stand for the id."""


class LibraryItem(OutputItem):
    """One of the caller's outputs, as a tile needs it."""

    collection: LibraryCollection
    """The collection it was made with."""
    width: int | None
    height: int | None
    duration: float | None
    progress: float | None
    """Of its job, in percent, as far as it is stored; null unless that is under way."""
    prompt: str | None = Field(
        description=f"How the prompt begins, up to {MAX_EXCERPT} characters: that of the variable"
        " `prompt`, or what comes closest to it. Null if no text was sent."
    )
    seed: int | None
    """The seed it was made with, if one was sent or drawn. Up to 2^64 - 1: read it as an exact integer."""
    starred: bool
    """Whether the caller starred it."""
    tags: list[str]
    """The caller's tags, by the alphabet."""


class TagCount(Schema):
    """A tag, and how many of the caller's outputs have it."""

    model_config = ConfigDict(json_schema_extra={"example": {"tag": "harbours", "count": 12}})

    tag: str
    """In small letters."""
    count: int
    """Visible outputs that have it."""


class TagsBody(Schema):
    """All tags that an output is to have."""

    model_config = ConfigDict(json_schema_extra={"example": {"tags": ["harbours", "for the poster"]}})

    tags: list[Tag] = Field(max_length=MAX_TAGS)
    """In place of those that it has."""


class MarksView(Schema):
    """How an output is marked."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": ID, "starred": True, "tags": ["harbours"]}})

    id: UUID
    starred: bool
    """Whether the caller starred it."""
    tags: list[str]
    """The caller's tags, by the alphabet."""


Action = Literal["star", "unstar", "hide", "unhide", "add_tags", "remove_tags", "move_to_deck"]


class BulkBody(Schema):
    """What to do to many outputs."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": [ID], "action": "add_tags", "tags": ["harbours"]}})

    ids: list[UUID] = Field(min_length=1, max_length=MAX_BULK)
    """Outputs of the caller."""
    action: Action
    """What to do to each of them."""
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    """For `add_tags` and `remove_tags`."""
    deck_id: UUID | None = None
    """For `move_to_deck`; null takes them out of their decks."""

    @model_validator(mode="after")
    def _complete(self) -> "BulkBody":
        if self.action.endswith("_tags") and not self.tags:
            raise ValueError(f"{self.action} needs tags")
        if self.action == "move_to_deck" and "deck_id" not in self.model_fields_set:
            raise ValueError("move_to_deck needs deck_id; null takes outputs out of their decks")
        return self


class Refused(Schema):
    """An output to which it could not be done."""

    id: UUID
    code: str
    """A stable word for programs, as in failures."""
    reason: str
    """Why, in a sentence."""


class BulkView(Schema):
    """What became of the outputs. All that could be changed was, together."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "changed": 41,
                "unchanged": 1,
                "refused": [{"id": ID, "code": "not_found", "reason": "Output not found"}],
            }
        }
    )

    changed: int
    """How many were changed."""
    unchanged: int
    """How many were so already."""
    refused: list[Refused]
    """Those to which it could not be done, and why."""


def library_item(row: LibraryRow, results: ResultLinks) -> dict[str, Any]:
    """Show an output as :class:`LibraryItem` says."""
    whole = row.seed is not None and abs(row.seed) <= LARGEST_SEED and row.seed == row.seed.to_integral_value()
    return {
        **item_of(row, results, private=True),
        "collection": {"id": row.collection_id, "title": row.collection_title, "slug": row.collection_slug},
        "width": row.width,
        "height": row.height,
        "duration": row.duration,
        "progress": row.progress,
        "prompt": row.prompt,
        "seed": int(row.seed) if whole and row.seed is not None else None,
        "starred": row.starred,
        "tags": row.tags,
    }


def bulk_view(body: BulkBody, outcome: Outcome) -> BulkView:
    """Return what became of outputs."""
    refused = [Refused(id=one, code=error.code, reason=error.message) for one, error in outcome.refused.items()]
    return BulkView(
        changed=len(outcome.changed),
        unchanged=len(set(body.ids)) - len(outcome.changed) - len(refused),
        refused=refused,
    )
