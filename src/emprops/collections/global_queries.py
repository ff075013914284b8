"""Global collections: those with which anybody may develop outputs."""

from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.kit.web.paging import Page


@dataclass(frozen=True, slots=True)
class GlobalCollection:
    """A global collection as a list shows it."""

    id: UUID
    title: str
    description: str
    input_type: str
    output_type: str
    cover_image_url: str | None


async def list_global(reader: Transaction, input_type: str | None, page: Page) -> list[GlobalCollection]:
    """List published global collections, all or those that take one type; newest first."""
    where = "is_global AND NOT archived AND status = 'published'"
    if input_type is not None:
        where += " AND input_type = %(input_type)s"
    return await reader.fetch_all(
        GlobalCollection,
        f"""
        SELECT id, title, description, input_type, output_type, cover_image_url FROM collection WHERE {where}
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"input_type": input_type, "limit": page.limit, "offset": page.offset},
    )
