"""Reads for the pages: one output with its file's facts, and the finished outputs of a deck."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class Watched:
    """An output, and what its page says about it."""

    id: UUID
    user_id: UUID
    status: str
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None
    created_at: datetime
    shared: bool
    """It is visible in a published deck."""
    collection_title: str
    deck_id: UUID | None
    deck_name: str | None
    mux_playback_id: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Tile:
    """An output in a deck's gallery."""

    id: UUID
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Gallery:
    """A deck as its page shows it."""

    id: UUID
    user_id: UUID
    name: str
    description: str | None
    status: str
    collection_title: str


async def watched(reader: Transaction, output_id: UUID) -> Watched | None:
    """Read an output that is not hidden."""
    return await reader.fetch_one(
        Watched,
        """
        SELECT o.id, o.user_id, o.status, o.url, o.mime_type, o.thumbnail_url, o.flat_file_id, o.created_at,
               coalesce(d.status = 'published', false) AS shared, c.title AS collection_title,
               d.id AS deck_id, d.name AS deck_name, f.mux_playback_id, f.width, f.height
        FROM output o JOIN collection c ON c.id = o.collection_id
        LEFT JOIN deck d ON d.id = o.deck_id LEFT JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = %s AND o.status <> 'hidden'
        """,
        (output_id,),
    )


async def gallery(reader: Transaction, deck_id: UUID) -> Gallery | None:
    """Read a deck."""
    return await reader.fetch_one(
        Gallery,
        """
        SELECT d.id, d.user_id, d.name, d.description, d.status, c.title AS collection_title
        FROM deck d JOIN collection c ON c.id = d.collection_id WHERE d.id = %s
        """,
        (deck_id,),
    )


async def tiles(reader: Transaction, deck_id: UUID, page: Page) -> list[Tile]:
    """List a deck's finished outputs by position."""
    return await reader.fetch_all(
        Tile,
        """
        SELECT id, url, mime_type, thumbnail_url, flat_file_id, created_at FROM output
        WHERE deck_id = %s AND status = 'completed' ORDER BY position LIMIT %s OFFSET %s
        """,
        (deck_id, page.limit, page.offset),
    )


async def has_published(reader: Transaction, slug: str) -> bool:
    """Return whether there is a published collection with this short name."""
    found: bool = await reader.fetch_value(
        "SELECT EXISTS (SELECT FROM collection WHERE slug = %s AND status = 'published' AND NOT archived)", (slug,)
    )
    return found
