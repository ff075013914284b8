"""Collections in PostgreSQL."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Row, Transaction
from emprops.kit.web.paging import Page

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")

LISTED = """
    c.id, c.project_id, p.user_id, c.title, c.description, c.blockchain, c.price, c.editions, c.status, c.archived,
    c.is_public, c.cover_image_url, c.miniapp_cover_image, c.cast_hash, c.is_custodial, c.custodied_for, c.is_global,
    c.input_type, c.output_type, c.version, c.slug, c.created_at, c.updated_at, c.published_at
"""
CURRENT = """
    collection c JOIN project p ON p.id = c.project_id
    LEFT JOIN collection_version v
        ON c.status = 'published' AND v.collection_id = c.id AND v.version = c.version
"""
"""Collections with their projects and, where published, what was published last."""
WITH_CURRENT_DATA = f"{LISTED}, CASE WHEN c.status = 'published' THEN v.data ELSE c.data END AS data"
"""Columns of a :class:`Collection` with the data that generations use."""
CHANGEABLE = frozenset(
    {
        *("title", "description", "blockchain", "price", "editions", "cover_image_url", "miniapp_cover_image"),
        *("cast_hash", "is_public", "data", "archived", "is_global", "input_type", "output_type"),
    }
)
"""Columns that :func:`update` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A collection without its data; ``user_id`` is the owner of its project."""

    id: UUID
    project_id: UUID
    user_id: UUID
    title: str
    description: str
    blockchain: str | None
    price: Decimal
    editions: int
    status: str
    archived: bool
    is_public: bool
    cover_image_url: str | None
    miniapp_cover_image: str | None
    cast_hash: str | None
    is_custodial: bool
    custodied_for: UUID | None
    is_global: bool
    input_type: str | None
    output_type: str | None
    version: int
    """Number of what was published last; 1 before anything was."""
    slug: str | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(Listed):
    """A collection with an instruction set: which one, says the function that gives it."""

    data: Any
    """As stored; ``instructions.parse`` reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(Collection):
    """A collection as its owner works on it."""

    has_unpublished_changes: bool
    """It is published, and its data is no longer what was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a caller says about a new collection, apart from its data."""

    title: str
    description: str
    blockchain: str | None
    price: Decimal
    editions: int
    cover_image_url: str | None
    miniapp_cover_image: str | None
    cast_hash: str | None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of own collections is narrowed to."""

    archived: bool = False
    status: str | None = None
    project_id: UUID | None = None


async def get(tx: Transaction, id_or_slug: str | UUID) -> Collection | None:
    """Return a collection of any owner by its id or its slug, with the data being worked on."""
    return await _one(tx, Collection, f"{LISTED}, c.data", id_or_slug)


async def get_current(tx: Transaction, id_or_slug: str | UUID) -> Collection | None:
    """Return a collection with the data that generations use: of a published one the published data."""
    return await _one(tx, Collection, WITH_CURRENT_DATA, id_or_slug)


async def all_current(tx: Transaction, refs: Iterable[str | UUID]) -> dict[str | UUID, Collection]:
    """Return the same of several collections, by what they are called in ``refs``; those that do not exist are
    missing."""
    references = {ref: _reference(ref) for ref in refs}
    wanted: dict[str, list[UUID | str]] = {"id": [], "slug": []}
    for by, value in references.values():
        if value is not None:
            wanted[by].append(value)
    rows = await tx.fetch_all(
        Collection,
        f"SELECT {WITH_CURRENT_DATA} FROM {CURRENT} WHERE c.id = ANY(%s::uuid[]) OR c.slug = ANY(%s::text[])",
        (wanted["id"], wanted["slug"]),
    )
    found = {("id", row.id): row for row in rows} | {("slug", row.slug): row for row in rows}
    return {ref: found[named] for ref, named in references.items() if named in found}


async def get_working(tx: Transaction, id_or_slug: str | UUID, *, lock: bool = False) -> Working | None:
    """Return a collection as its owner works on it; ``lock``: nobody else changes it until the transaction ends."""
    columns = f"{LISTED}, c.data, c.status = 'published' AND c.data IS DISTINCT FROM v.data AS has_unpublished_changes"
    return await _one(tx, Working, columns, id_or_slug, "FOR NO KEY UPDATE OF c" if lock else "")


async def _one(
    tx: Transaction, shape: type[Row], columns: str, id_or_slug: str | UUID, locking: str = ""
) -> Row | None:
    by, value = _reference(id_or_slug)
    if value is None:
        return None
    return await tx.fetch_one(shape, f"SELECT {columns} FROM {CURRENT} WHERE c.{by} = %s {locking}", (value,))


def _reference(id_or_slug: str | UUID) -> tuple[str, UUID | str | None]:
    if isinstance(id_or_slug, UUID):
        return "id", id_or_slug
    try:
        return "id", UUID(id_or_slug)
    except ValueError:
        return "slug", id_or_slug if SLUG.fullmatch(id_or_slug) else None


async def list_of_user(reader: Transaction, user_id: UUID, wanted: Wanted, page: Page) -> list[Listed]:
    """List a user's collections, newest first. Each project gives its newest, from its index; then they are merged."""
    return await reader.fetch_all(
        Listed,
        f"""
        SELECT {LISTED} FROM project p CROSS JOIN LATERAL (
            SELECT * FROM collection WHERE project_id = p.id AND archived = %(archived)s
                   AND status = coalesce(%(status)s, status)
            ORDER BY created_at DESC, id DESC LIMIT %(last)s
        ) c
        WHERE p.user_id = %(user_id)s AND p.id = coalesce(%(project_id)s, p.id)
        ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {
            "user_id": user_id,
            "archived": wanted.archived,
            "status": wanted.status,
            "project_id": wanted.project_id,
            "last": page.limit + page.offset,
            "limit": page.limit,
            "offset": page.offset,
        },
    )


async def list_public(reader: Transaction, page: Page) -> list[Listed]:
    """List what everybody may see, last published first."""
    return await reader.fetch_all(
        Listed,
        f"""
        SELECT {LISTED} FROM collection c JOIN project p ON p.id = c.project_id
        WHERE c.is_public AND c.status = 'published' AND NOT c.archived
        ORDER BY c.published_at DESC NULLS LAST, c.id DESC LIMIT %s OFFSET %s
        """,
        (page.limit, page.offset),
    )


async def insert(
    tx: Transaction, collection_id: UUID, project_id: UUID, details: Details, data: Any, *, custodied_for: UUID | None
) -> None:
    """Insert a draft."""
    await tx.execute(
        """
        INSERT INTO collection (id, project_id, title, description, blockchain, price, editions, cover_image_url,
                                miniapp_cover_image, cast_hash, is_custodial, custodied_for, is_public, data)
        VALUES (%(id)s, %(project_id)s, %(title)s, %(description)s, %(blockchain)s, %(price)s, %(editions)s,
                %(cover_image_url)s, %(miniapp_cover_image)s, %(cast_hash)s, %(custodied_for)s::uuid IS NOT NULL,
                %(custodied_for)s, %(is_public)s, %(data)s)
        """,
        {
            **asdict(details),
            "id": collection_id,
            "project_id": project_id,
            "custodied_for": custodied_for,
            "data": Jsonb(data),
        },
    )


async def update(tx: Transaction, collection_id: UUID, changes: Mapping[str, Any]) -> None:
    """Set columns, which must be of :data:`CHANGEABLE`, of a collection that this transaction has locked."""
    values = {name: Jsonb(value) if name == "data" else value for name, value in changes.items()}
    if not values.keys() <= CHANGEABLE:
        raise ValueError(f"not changeable: {values.keys() - CHANGEABLE}")
    columns = "".join(f"{name} = %({name})s, " for name in values)
    await tx.execute(
        f"UPDATE collection SET {columns} updated_at = now() WHERE id = %(collection_id)s",
        {**values, "collection_id": collection_id},
    )
