"""What an output was developed from, and what was developed from it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction

MAX_ANCESTORS = 1_000
MAX_DESCENDANTS = 1_000


@dataclass(frozen=True, slots=True)
class Relative:
    """An output in a line of development."""

    id: UUID
    source_output_id: UUID | None
    depth: int
    """Developments between it and the output asked for: negative before, positive behind."""
    user_id: UUID
    status: str
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None
    deck_id: UUID | None
    collection_id: UUID
    collection_title: str
    created_at: datetime
    completed_at: datetime | None
    shared: bool
    """It is visible in a published deck."""


ANCESTORS = """
    WITH RECURSIVE line AS (
        SELECT id, source_output_id, 0 AS depth FROM output WHERE id = %(id)s
        UNION ALL
        SELECT o.id, o.source_output_id, line.depth - 1 FROM output o JOIN line ON o.id = line.source_output_id
    ), found AS (SELECT id, depth FROM line LIMIT %(limit)s)
"""
DESCENDANTS = """
    WITH RECURSIVE line AS (
        SELECT id, 0 AS depth FROM output WHERE id = %(id)s
        UNION ALL
        SELECT o.id, line.depth + 1 FROM output o JOIN line ON o.source_output_id = line.id
    ), found AS (SELECT id, depth FROM line LIMIT %(limit)s)
"""
"""Both end at their limit: rows of a recursion are made as they are asked for, nearest first."""
RELATIVES = """
    SELECT o.id, o.source_output_id, found.depth, o.user_id, o.status, o.url, o.mime_type, o.thumbnail_url,
           o.flat_file_id, o.deck_id, o.collection_id, c.title AS collection_title, o.created_at, o.completed_at,
           coalesce(d.status = 'published', false) AND o.status <> 'hidden' AS shared
    FROM found JOIN output o ON o.id = found.id JOIN collection c ON c.id = o.collection_id
    LEFT JOIN deck d ON d.id = o.deck_id
    WHERE found.depth <> 0 ORDER BY found.depth, o.created_at, o.id
"""


async def ancestors_of(reader: Transaction, output_id: UUID) -> list[Relative]:
    """Return the outputs from which an output was developed, hidden ones too, the first one first."""
    return await reader.fetch_all(Relative, f"{ANCESTORS} {RELATIVES}", {"id": output_id, "limit": MAX_ANCESTORS + 1})


async def descendants_of(reader: Transaction, output_id: UUID) -> list[Relative]:
    """Return the outputs that were developed from an output, directly or not, hidden ones too: the nearest first, then
    the oldest; of very many, the nearest :data:`MAX_DESCENDANTS`."""
    return await reader.fetch_all(
        Relative, f"{DESCENDANTS} {RELATIVES}", {"id": output_id, "limit": MAX_DESCENDANTS + 1}
    )


async def text_of(reader: Transaction, output_id: UUID) -> str | None:
    """Return the text that an output shows, if a step of ours made it."""
    text = await reader.fetch_value(
        """
        SELECT s.output_data -> 'data' ->> 'text'
        FROM output o JOIN flat_file f ON f.id = o.flat_file_id JOIN step s ON s.id = f.step_id
        WHERE o.id = %s AND f.mime_type LIKE 'text/%%'
        """,
        (output_id,),
    )
    return text if isinstance(text, str) and text else None
