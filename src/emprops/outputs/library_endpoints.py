"""A user's own outputs over all collections: list, star, tag, and change many at once."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from emprops.auth.dependencies import CurrentUser
from emprops.errors import BadRequestError
from emprops.kit.database import Transaction
from emprops.kit.web.cursors import Listed, Seeking, reply_part
from emprops.kit.web.endpoint import Reader, Shared, Tx, router
from emprops.kit.web.envelope import Envelope, ok, reply
from emprops.media.result_links import Naming
from emprops.outputs import arranging, library_queries, queries
from emprops.outputs.arranging import Outcome, only
from emprops.outputs.library_schemas import (
    BulkBody,
    BulkView,
    LibraryItem,
    MarksView,
    Tag,
    TagCount,
    TagsBody,
    bulk_view,
    library_item,
)
from emprops.outputs.schemas import MediaType, ShownStatus
from emprops.outputs.states import Source
from emprops.settings import Settings

routes = router(prefix="/outputs", tags=["outputs"])

SearchText = Annotated[
    str,
    Query(
        max_length=200,
        description="Words, or beginnings of words, that all occur in the title of the output's collection, the prompt"
        " and the other variables it was made with.",
        examples=["red fox"],
    ),
]
Hidden = Annotated[bool, Query(description="Those that the caller hid, in place of the others.")]
Tags = Annotated[list[Tag], Query(max_length=5, description="Only those that have this tag; may be repeated.")]
Order = Annotated[Literal["newest", "oldest"], Query(description="Which come first.")]


@routes.get("", response_model=Listed[LibraryItem])
async def list_outputs(
    user_id: CurrentUser,
    reader: Reader,
    seek: Seeking,
    results: Naming,
    collection_id: UUID | None = None,
    deck_id: UUID | None = None,
    status: ShownStatus | None = None,
    source: Annotated[Source | None, Query(description="Only those that were asked for there.")] = None,
    media_type: MediaType | None = None,
    since: Annotated[datetime | None, Query(description="Made not before this time.")] = None,
    until: Annotated[datetime | None, Query(description="Made before this time.")] = None,
    q: SearchText = "",
    tag: Tags = [],  # noqa: B006 - FastAPI copies it
    sort: Order = "newest",
    *,
    starred: Annotated[bool | None, Query(description="Only those that are starred, or that are not.")] = None,
    hidden: Hidden = False,
) -> Response:
    """List the caller's outputs over all collections, newest first; hidden ones only by `hidden=true`."""
    if hidden and status is not None:
        raise BadRequestError("hidden and status exclude each other; send one of them.")
    wanted = library_queries.LibraryFilter(
        collection_id=collection_id,
        deck_id=deck_id,
        status=status,
        source=source,
        media_type=media_type,
        since=since,
        until=until,
        starred=starred,
        tags=tuple(dict.fromkeys(tag)),
        hidden=hidden,
        text=q.strip() or None,
        sort=sort,
    )
    rows = await library_queries.library_of(reader, user_id, wanted, seek)
    counted = await library_queries.count_library(reader, user_id, wanted) if seek.count else None
    return reply_part(rows, [library_item(row, results) for row in rows], seek, counted)


@routes.get("/tags", operation_id="listOutputTags", response_model=Envelope[list[TagCount]])
async def list_tags(user_id: CurrentUser, reader: Reader) -> Response:
    """List the caller's tags, each with the number of visible outputs that have it; those that most have come first.
    Of very many, the first 1,000."""
    return reply([{"tag": tag, "count": count} for tag, count in await library_queries.tags_of_user(reader, user_id)])


@routes.put("/{output_id}/star")
async def star_output(output_id: UUID, user_id: CurrentUser, tx: Tx) -> Envelope[MarksView]:
    """Star one of the caller's outputs."""
    only(output_id, await arranging.star(tx, user_id, [output_id], starred=True))
    return await _marks(tx, output_id)


@routes.delete("/{output_id}/star")
async def unstar_output(output_id: UUID, user_id: CurrentUser, tx: Tx) -> Envelope[MarksView]:
    """Take the star off one of the caller's outputs."""
    only(output_id, await arranging.star(tx, user_id, [output_id], starred=False))
    return await _marks(tx, output_id)


@routes.put("/{output_id}/tags")
async def set_output_tags(output_id: UUID, body: TagsBody, user_id: CurrentUser, tx: Tx) -> Envelope[MarksView]:
    """Set the tags of one of the caller's outputs; an empty list takes all off. They are kept in lower case."""
    only(output_id, await arranging.tag(tx, user_id, [output_id], add=set(body.tags), instead=True))
    return await _marks(tx, output_id)


@routes.post("/bulk", operation_id="changeOutputs")
async def change_outputs(body: BulkBody, user_id: CurrentUser, tx: Tx, resources: Shared) -> Envelope[BulkView]:
    """Do the same to many of the caller's outputs, in one transaction. Those to which it cannot be done are listed with
    the reason, and do not keep the others from being changed. Sent again, it changes nothing."""
    return ok(bulk_view(body, await _done(tx, resources.settings, user_id, body)))


async def _done(tx: Transaction, settings: Settings, user_id: UUID, body: BulkBody) -> Outcome:
    match body.action:
        case "star" | "unstar":
            return await arranging.star(tx, user_id, body.ids, starred=body.action == "star")
        case "hide":
            return await arranging.hide(tx, user_id, body.ids)
        case "unhide":
            return await arranging.bring_back(tx, settings, user_id, body.ids)
        case "add_tags":
            return await arranging.tag(tx, user_id, body.ids, add=body.tags)
        case "remove_tags":
            return await arranging.tag(tx, user_id, body.ids, remove=body.tags)
        case "move_to_deck":
            return await arranging.move(tx, user_id, body.ids, body.deck_id)


async def _marks(tx: Transaction, output_id: UUID) -> Envelope[MarksView]:
    output = await queries.output_of(tx, output_id)
    assert output is not None  # noqa: S101 - just locked
    return ok(MarksView(id=output.id, starred=output.starred, tags=output.tags))
