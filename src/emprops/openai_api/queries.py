"""Reads of collections as models."""

from typing import Final
from uuid import UUID

from emprops.collections.store import CURRENT, LISTED, Collection
from emprops.kit.database import Transaction

MOST: Final = 100
"""Collections of each kind that are listed, the newest ones."""


async def models(reader: Transaction, user_id: UUID) -> list[Collection]:
    """List what a user can generate from with the data that generations use: their own, then public ones of others."""
    columns = f"{LISTED}, CASE WHEN c.status = 'published' THEN v.data ELSE c.data END AS data"
    return await reader.fetch_all(
        Collection,
        f"""
        (SELECT {columns} FROM {CURRENT} WHERE p.user_id = %(user_id)s AND NOT c.archived
         ORDER BY c.created_at DESC, c.id DESC LIMIT %(most)s)
        UNION ALL
        (SELECT {columns} FROM {CURRENT}
         WHERE c.is_public AND c.status = 'published' AND NOT c.archived AND p.user_id <> %(user_id)s
         ORDER BY c.published_at DESC NULLS LAST, c.id DESC LIMIT %(most)s)
        """,
        {"user_id": user_id, "most": MOST},
    )
