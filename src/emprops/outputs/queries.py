"""Reads on outputs, and who may see what; an owner's list over all collections is in ``library_queries.py``.

An owner sees all of their outputs; a collection's owner and services see all of the collection's; everybody else sees
what is in published decks. Hidden outputs are in no list.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page

ITEM = """
    o.id, o.user_id, o.collection_id, o.deck_id, o.job_id, o.flat_file_id, o.source_output_id, o.status, o.source,
    o.url, o.mime_type, o.thumbnail_url, o.error_message, o.is_custodial, o.custodied_for, o.position, o.created_at,
    o.updated_at, o.completed_at, o.expires_at, d.name AS deck_name
"""
BENEFICIARY = """
    o.custodied_for = (
        SELECT id FROM social_link WHERE social_org = %(social_org)s AND social_identifier = %(social_identifier)s)
"""


@dataclass(frozen=True, slots=True)
class OutputRow:
    """An output as lists show it."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    deck_id: UUID | None
    job_id: UUID | None
    flat_file_id: int | None
    source_output_id: UUID | None
    status: str
    source: str
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    error_message: str | None
    is_custodial: bool
    custodied_for: UUID | None
    position: int | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    deck_name: str | None


@dataclass(frozen=True, slots=True)
class OutputDetail(OutputRow):
    """An output by itself."""

    input_metadata: Any
    output_metadata: Any
    collection_title: str
    shared: bool
    """It is visible in a published deck."""
    width: int | None
    height: int | None
    duration: float | None
    streams: bool
    """Mux plays it."""
    hidden_by: str | None
    starred: bool
    tags: list[str]


@dataclass(frozen=True, slots=True)
class OutputFilter:
    """What a list is narrowed to."""

    deck_id: UUID | None = None
    status: str | None = None
    held_for: tuple[str, str] | None = None
    """A social identity, as it is stored."""

    def conditions(self) -> str:
        """Return the SQL; hidden outputs never match."""
        parts = ["o.status <> 'hidden'"]
        if self.deck_id is not None:
            parts.append("o.deck_id = %(deck_id)s")
        if self.status is not None:
            parts.append("o.status = %(status)s")
        if self.held_for is not None:
            parts.append(BENEFICIARY)
        return " AND ".join(parts)

    def values(self) -> dict[str, Any]:
        """Return the values for the SQL."""
        return {
            "deck_id": self.deck_id,
            "status": self.status,
            **dict(zip(("social_org", "social_identifier"), self.held_for or (), strict=False)),
        }


async def output_of(reader: Transaction, output_id: UUID) -> OutputDetail | None:
    """Read one output, hidden or not."""
    return await reader.fetch_one(
        OutputDetail,
        f"""
        SELECT {ITEM}, o.input_metadata, o.output_metadata, c.title AS collection_title,
               coalesce(d.status = 'published', false) AND o.status <> 'hidden' AS shared, f.width, f.height,
               f.duration, f.mux_playback_id IS NOT NULL AS streams, o.hidden_by, o.starred,
               ARRAY(SELECT tag FROM output_tag WHERE output_id = o.id ORDER BY tag) AS tags
        FROM output o JOIN collection c ON c.id = o.collection_id LEFT JOIN deck d ON d.id = o.deck_id
        LEFT JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = %s
        """,
        (output_id,),
    )


async def all_of_collection(
    reader: Transaction, collection_id: UUID, wanted: OutputFilter, page: Page
) -> list[OutputRow]:
    """List everybody's visible outputs of a collection, newest first."""
    return await reader.fetch_all(
        OutputRow,
        f"""
        SELECT {ITEM} FROM output o LEFT JOIN deck d ON d.id = o.deck_id
        WHERE o.collection_id = %(collection_id)s AND {wanted.conditions()}
        ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"collection_id": collection_id, "limit": page.limit, "offset": page.offset, **wanted.values()},
    )


async def known_of_collection(
    reader: Transaction, collection_id: UUID, user_id: UUID | None, wanted: OutputFilter, page: Page
) -> list[OutputRow]:
    """List a user's own outputs of a collection and those in its published decks, newest first.

    The newest of the caller's and of each published deck, merged, because each of these lists has an index in its
    order and their union has none: the cost grows with published decks, not with outputs. What was developed into a
    published deck of another collection is seen there, and here only when that deck is asked for.
    """
    deck = "d.collection_id = %(collection_id)s" if wanted.deck_id is None else "d.id = %(deck_id)s"
    return await reader.fetch_all(
        OutputRow,
        f"""
        WITH own AS (
            SELECT o.id FROM output o
            WHERE o.user_id = %(user_id)s AND o.collection_id = %(collection_id)s AND {wanted.conditions()}
            ORDER BY o.created_at DESC, o.id DESC LIMIT %(last)s
        ), published AS (
            SELECT newest.id FROM deck d CROSS JOIN LATERAL (
                SELECT o.id, o.created_at FROM output o
                WHERE o.deck_id = d.id AND o.collection_id = %(collection_id)s
                      AND o.user_id IS DISTINCT FROM %(user_id)s AND {wanted.conditions()}
                ORDER BY o.created_at DESC, o.id DESC LIMIT %(last)s
            ) newest
            WHERE {deck} AND d.status = 'published'
            ORDER BY newest.created_at DESC, newest.id DESC LIMIT %(last)s
        )
        SELECT {ITEM} FROM (TABLE own UNION ALL TABLE published) known
        JOIN output o ON o.id = known.id LEFT JOIN deck d ON d.id = o.deck_id
        ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {
            "collection_id": collection_id,
            "user_id": user_id,
            "last": page.offset + page.limit,
            "limit": page.limit,
            "offset": page.offset,
            **wanted.values(),
        },
    )
