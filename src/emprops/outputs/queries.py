"""Reads on outputs, and who may see what.

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

FEW = 2_000
"""So many outputs are found by their words and then put into order. Where there are more, a short walk along the list
fills a page. The planner cannot choose between the two: it takes a word that it has not seen for a common one."""
WITH_WORDS = """
    AND EXISTS (SELECT FROM output_search s WHERE s.output_id = o.id
                AND s.words @@ words_wanted(%(user_id)s, %(text)s) OFFSET 0)
"""
"""``OFFSET 0``: asked of each output on the way, not of all of them before."""


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


@dataclass(frozen=True, slots=True)
class OutputFilter:
    """What a list is narrowed to."""

    deck_id: UUID | None = None
    status: str | None = None
    held_for: tuple[str, str] | None = None
    """A social identity, as it is stored."""
    media_type: str | None = None
    """What MIME types begin with: ``image``, ``video``, ``audio`` or ``text``."""

    def conditions(self) -> str:
        """Return the SQL; hidden outputs never match."""
        parts = ["o.status <> 'hidden'"]
        if self.deck_id is not None:
            parts.append("o.deck_id = %(deck_id)s")
        if self.status is not None:
            parts.append("o.status = %(status)s")
        if self.held_for is not None:
            parts.append(BENEFICIARY)
        if self.media_type is not None:
            parts.append("o.mime_type LIKE %(media_type)s")
        return " AND ".join(parts)

    def values(self) -> dict[str, Any]:
        """Return the values for the SQL."""
        return {
            "deck_id": self.deck_id,
            "status": self.status,
            "media_type": f"{self.media_type}/%",
            **dict(zip(("social_org", "social_identifier"), self.held_for or (), strict=False)),
        }


async def output_of(reader: Transaction, output_id: UUID) -> OutputDetail | None:
    """Read one output, hidden or not."""
    return await reader.fetch_one(
        OutputDetail,
        f"""
        SELECT {ITEM}, o.input_metadata, o.output_metadata, c.title AS collection_title,
               coalesce(d.status = 'published', false) AND o.status <> 'hidden' AS shared
        FROM output o JOIN collection c ON c.id = o.collection_id LEFT JOIN deck d ON d.id = o.deck_id
        WHERE o.id = %s
        """,
        (output_id,),
    )


async def all_of_user(
    reader: Transaction,
    user_id: UUID,
    collection_id: UUID | None,
    wanted: OutputFilter,
    page: Page,
    text: str | None = None,
) -> list[OutputRow]:
    """List a user's visible outputs, of one collection or of all, newest first. ``text``: words, or beginnings of
    words, that all occur in what an output was made from."""
    conditions = wanted.conditions()
    if collection_id is not None:
        conditions += " AND o.collection_id = %(collection_id)s"
    few: list[UUID] = []
    if text is not None:
        few = await with_words(reader, user_id, text)
        conditions += " AND o.id = ANY(%(few)s)" if len(few) <= FEW else WITH_WORDS
    return await reader.fetch_all(
        OutputRow,
        f"""
        SELECT {ITEM} FROM output o LEFT JOIN deck d ON d.id = o.deck_id
        WHERE o.user_id = %(user_id)s AND {conditions}
        ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {
            "user_id": user_id,
            "collection_id": collection_id,
            "text": text,
            "few": few,
            "limit": page.limit,
            "offset": page.offset,
            **wanted.values(),
        },
    )


async def with_words(reader: Transaction, user_id: UUID, text: str) -> list[UUID]:
    """Return the user's outputs that have all of these words, whatever their order; more than :data:`FEW` of them means
    that there are many, and that the list is found sooner by walking it."""
    return await reader.fetch_values(
        "SELECT output_id FROM output_search WHERE words @@ words_wanted(%s, %s) LIMIT %s", (user_id, text, FEW + 1)
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
