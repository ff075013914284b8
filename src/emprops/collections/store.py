"""Collections and projects in PostgreSQL."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from emprops.kit.database import Transaction

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")

COLUMNS = """
    c.id, c.project_id, p.user_id, c.title, c.description, c.blockchain, c.price, c.editions, c.status, c.archived,
    c.is_public, c.cover_image_url, c.miniapp_cover_image, c.cast_hash, c.is_custodial, c.custodied_for, c.is_global,
    c.input_type, c.output_type, c.data, c.version, c.slug, c.created_at, c.updated_at, c.published_at
"""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection; ``user_id`` is the owner of its project."""

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
    data: Any
    """The instruction set as stored; ``instructions.parse`` reads it."""
    version: int
    slug: str | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


async def get(tx: Transaction, id_or_slug: str | UUID) -> Collection | None:
    """Give a collection by its id or its slug, whoever owns it."""
    by, value = _reference(id_or_slug)
    if value is None:
        return None
    return await tx.fetch_one(
        Collection,
        f"SELECT {COLUMNS} FROM collection c JOIN project p ON p.id = c.project_id WHERE c.{by} = %s",
        (value,),
    )


def _reference(id_or_slug: str | UUID) -> tuple[str, UUID | str | None]:
    if isinstance(id_or_slug, UUID):
        return "id", id_or_slug
    try:
        return "id", UUID(id_or_slug)
    except ValueError:
        return "slug", id_or_slug if SLUG.fullmatch(id_or_slug) else None


async def insert_default_project(tx: Transaction, project_id: UUID, user_id: UUID) -> UUID:
    """Insert the user's default project unless there is one; gives the id of the one there is."""
    await tx.execute(
        """
        INSERT INTO project (id, user_id, name, is_default) VALUES (%s, %s, 'Default', true)
        ON CONFLICT (user_id) WHERE is_default DO NOTHING
        """,
        (project_id, user_id),
    )
    found: UUID = await tx.fetch_value("SELECT id FROM project WHERE user_id = %s AND is_default", (user_id,))
    return found
