"""SQL on what upkeep does to outputs for their files: show copies, thumbnails and types, and note what went wrong."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction

NOTE = "_file"
"""Key of the notes in an output's metadata."""


@dataclass(frozen=True, slots=True)
class Import:
    """A file to copy, taken by this process for a while."""

    output_id: UUID
    url: str
    tries: int
    """This one included."""


async def want(tx: Transaction, output_id: UUID, url: str) -> None:
    """Ask for a copy of the file at an output's URL."""
    await tx.execute(
        """
        INSERT INTO output_import (output_id, url) VALUES (%s, %s)
        ON CONFLICT (output_id) DO UPDATE SET url = excluded.url, tries = 0, run_after = now()
        """,
        (output_id, url),
    )


async def forget(tx: Transaction, output_id: UUID) -> None:
    """Ask for no copy any more."""
    await tx.execute("DELETE FROM output_import WHERE output_id = %s", (output_id,))


async def take_import(writer: Transaction, *, for_seconds: float) -> Import | None:
    """Take the import that waits longest. Others leave it alone for that long, so a process that dies with it loses
    only time."""
    return await writer.fetch_one(
        Import,
        """
        UPDATE output_import SET tries = tries + 1, run_after = now() + make_interval(secs => %s)
        WHERE output_id = (
            SELECT output_id FROM output_import WHERE run_after <= now()
            ORDER BY run_after LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING output_id, url, tries
        """,
        (for_seconds,),
    )


async def postpone(tx: Transaction, work: Import, *, seconds: float) -> None:
    """Try an import again later, unless something else was asked for meanwhile."""
    await tx.execute(
        "UPDATE output_import SET run_after = now() + make_interval(secs => %s) WHERE output_id = %s AND url = %s",
        (seconds, work.output_id, work.url),
    )


async def finish(tx: Transaction, work: Import) -> None:
    """An import ended, unless something else was asked for meanwhile."""
    await tx.execute("DELETE FROM output_import WHERE output_id = %s AND url = %s", (work.output_id, work.url))


async def still_wanted(tx: Transaction, work: Import) -> UUID | None:
    """Lock the output of an import; gives whose it is, or None if it was hidden or shows something else by now."""
    owner: UUID | None = await tx.fetch_value(
        """
        SELECT user_id FROM output WHERE id = %s AND url = %s AND status = 'completed' AND flat_file_id IS NULL
        FOR NO KEY UPDATE
        """,
        (work.output_id, work.url),
    )
    return owner


async def show_copy(
    tx: Transaction, output_id: UUID, *, file_id: int, url: str, mime_type: str, thumbnail_url: str | None
) -> None:
    """Let an output show our copy; a thumbnail that its client gave stays."""
    await tx.execute(
        """
        UPDATE output SET flat_file_id = %s, url = %s, mime_type = %s, thumbnail_url = coalesce(thumbnail_url, %s),
               updated_at = now()
        WHERE id = %s
        """,
        (file_id, url, mime_type, thumbnail_url, output_id),
    )


async def note(tx: Transaction, output_id: UUID, facts: dict[str, Any]) -> None:
    """Note something about the output's file in its metadata, next to what the client put there."""
    await tx.execute(
        """
        UPDATE output SET updated_at = now(), output_metadata =
               CASE WHEN output_metadata IS NULL THEN '{}'
                    WHEN jsonb_typeof(output_metadata) = 'object' THEN output_metadata
                    ELSE jsonb_build_object('value', output_metadata) END || jsonb_build_object(%s::text, %s::jsonb)
        WHERE id = %s
        """,
        (NOTE, Jsonb(facts), output_id),
    )


async def showing(tx: Transaction, file_id: int) -> list[UUID]:
    """Lock the visible outputs that show a file."""
    return await tx.fetch_values(
        "SELECT id FROM output WHERE flat_file_id = %s AND status <> 'hidden' FOR NO KEY UPDATE", (file_id,)
    )


async def show_facts(tx: Transaction, output_id: UUID, *, mime_type: str | None, thumbnail_url: str | None) -> None:
    """Let an output show what was found in its file."""
    await tx.execute(
        """
        UPDATE output SET mime_type = coalesce(%s, mime_type), thumbnail_url = coalesce(thumbnail_url, %s),
               updated_at = now()
        WHERE id = %s
        """,
        (mime_type, thumbnail_url, output_id),
    )
