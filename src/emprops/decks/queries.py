"""Reads on decks."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class DeckRow:
    """A deck with the collection it belongs to."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    name: str
    description: str | None
    status: str
    output_count: int
    cover_output_id: UUID | None
    is_custodial: bool
    custodied_for: UUID | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    collection_title: str
    collection_cover: str | None


@dataclass(frozen=True, slots=True)
class DeckOutputRow:
    """An output in its deck."""

    id: UUID
    url: str | None
    status: str
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None
    position: int
    collection_id: UUID
    job_id: UUID | None
    source_output_id: UUID | None
    error_message: str | None
    created_at: datetime
    completed_at: datetime | None


DECK = """
    SELECT d.id, d.user_id, d.collection_id, d.name, d.description, d.status, d.output_count, d.cover_output_id,
           d.is_custodial, d.custodied_for, d.published_at, d.created_at, d.updated_at,
           c.title AS collection_title, c.cover_image_url AS collection_cover
    FROM deck d JOIN collection c ON c.id = d.collection_id
"""


async def deck_of(reader: Transaction, deck_id: UUID) -> DeckRow | None:
    """Read one deck."""
    return await reader.fetch_one(DeckRow, f"{DECK} WHERE d.id = %s", (deck_id,))


@dataclass(frozen=True, slots=True)
class DeckFilter:
    """Which decks a list shows. Archived ones only when asked for by status."""

    user_id: UUID | None = None
    """Decks of this user."""
    also_published: bool = False
    """And those of others that are published; together with ``user_id`` only."""
    collection_id: UUID | None = None
    status: str | None = None
    held_for: tuple[str, str] | None = None
    """A social identity, as it is stored."""


async def list_decks(reader: Transaction, wanted: DeckFilter, page: Page) -> list[DeckRow]:
    """List decks, newest first.

    A user's own decks and published ones of others are merged from two lists, each with an index in its order.
    """
    where = ["d.status = %(status)s" if wanted.status else "d.status <> 'archived'"]
    if wanted.collection_id is not None:
        where.append("d.collection_id = %(collection_id)s")
    if wanted.held_for is not None:
        where.append(
            "d.custodied_for = (SELECT id FROM social_link WHERE social_org = %(social_org)s"
            " AND social_identifier = %(social_identifier)s)"
        )
    own = where if wanted.user_id is None else [*where, "d.user_id = %(user_id)s"]
    source = f"WHERE {' AND '.join(own)}"
    if wanted.also_published:
        others = [*where, "d.status = 'published'", "d.user_id IS DISTINCT FROM %(user_id)s"]
        source = f"JOIN ({_newest(own)} UNION ALL {_newest(others)}) known ON known.id = d.id"
    return await reader.fetch_all(
        DeckRow,
        f"{DECK} {source} ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s OFFSET %(offset)s",
        {
            **asdict(wanted),
            **dict(zip(("social_org", "social_identifier"), wanted.held_for or (), strict=False)),
            "limit": page.limit,
            "offset": page.offset,
            "last": page.limit + page.offset,
        },
    )


def _newest(conditions: list[str]) -> str:
    order = "ORDER BY d.created_at DESC, d.id DESC LIMIT %(last)s"
    return f"(SELECT d.id FROM deck d WHERE {' AND '.join(conditions)} {order})"


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a collection's decks and outputs a caller may know of."""

    is_owner: bool
    is_known: bool
    """The collection is public, or something of it is the caller's or published."""


async def scope_of(reader: Transaction, collection_id: UUID, user_id: UUID | None) -> Scope | None:
    """Return what a collection is to a caller; None if there is no such collection."""
    return await reader.fetch_one(
        Scope,
        """
        SELECT coalesce(p.user_id = %(user_id)s, false) AS is_owner,
               c.status = 'published' AND (c.is_public OR c.is_global)
               OR EXISTS (SELECT FROM output WHERE user_id = %(user_id)s AND collection_id = c.id)
               OR EXISTS (SELECT FROM deck WHERE collection_id = c.id AND status = 'published') AS is_known
        FROM collection c JOIN project p ON p.id = c.project_id WHERE c.id = %(collection_id)s
        """,
        {"collection_id": collection_id, "user_id": user_id},
    )


async def outputs_of_deck(reader: Transaction, deck_id: UUID, page: Page) -> list[DeckOutputRow]:
    """List a deck's visible outputs by position."""
    return await reader.fetch_all(
        DeckOutputRow,
        """
        SELECT id, url, status, mime_type, thumbnail_url, flat_file_id, position, collection_id, job_id,
               source_output_id, error_message, created_at, completed_at
        FROM output WHERE deck_id = %s AND status <> 'hidden' ORDER BY position LIMIT %s OFFSET %s
        """,
        (deck_id, page.limit, page.offset),
    )
