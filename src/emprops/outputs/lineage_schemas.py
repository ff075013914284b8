"""The shapes of lines of development."""

from datetime import datetime
from uuid import UUID

from emprops.kit.web.schema import Schema
from emprops.media.result_links import ResultLinks
from emprops.outputs.lineage_queries import Relative
from emprops.outputs.schemas import OutputCollection, ShownStatus


class RelativeView(Schema):
    """An output in a line of development."""

    id: UUID
    source_output_id: UUID | None
    depth: int
    """Developments between the two: negative for what came before, positive for what came behind."""
    status: ShownStatus
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    collection: OutputCollection
    """The collection it was made with."""
    deck_id: UUID | None
    created_at: datetime
    completed_at: datetime | None


class LineageView(Schema):
    """What an output was developed from, and what was developed from it."""

    output_id: UUID
    ancestors: list[RelativeView]
    """The first one first."""
    descendants: list[RelativeView]
    """The nearest first."""
    truncated: bool
    """There are more descendants than are shown."""


def relative_view(relative: Relative, results: ResultLinks) -> RelativeView:
    """Show an output in a line of development."""
    url, thumbnail_url = results.of_output(relative.url, relative.thumbnail_url, relative.flat_file_id)
    return RelativeView(
        id=relative.id,
        source_output_id=relative.source_output_id,
        depth=relative.depth,
        status=relative.status,
        url=url,
        mime_type=relative.mime_type,
        thumbnail_url=thumbnail_url,
        collection=OutputCollection(id=relative.collection_id, title=relative.collection_title),
        deck_id=relative.deck_id,
        created_at=relative.created_at,
        completed_at=relative.completed_at,
    )
