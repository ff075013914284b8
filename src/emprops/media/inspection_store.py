"""SQL on looking into stored files: which are waiting, and what was found in them."""

from dataclasses import dataclass
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.media.probe import Facts


@dataclass(frozen=True, slots=True)
class Uninspected:
    """A stored file to look into, taken by this process for a while."""

    id: int
    key: str
    tries: int
    """This one included."""


async def take_uninspected(writer: Transaction, *, for_seconds: float) -> Uninspected | None:
    """Take the stored file that waits longest. Others leave it alone for that long, so a process that dies with it
    loses only time."""
    return await writer.fetch_one(
        Uninspected,
        """
        UPDATE flat_file SET inspect_tries = inspect_tries + 1, inspect_after = now() + make_interval(secs => %s)
        WHERE id = (
            SELECT id FROM flat_file WHERE inspected_at IS NULL AND inspect_after <= now()
            ORDER BY inspect_after LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, url AS key, inspect_tries AS tries
        """,
        (for_seconds,),
    )


async def postpone(tx: Transaction, file_id: int, *, seconds: float) -> None:
    """Look into a file later."""
    await tx.execute(
        "UPDATE flat_file SET inspect_after = now() + make_interval(secs => %s) WHERE id = %s", (seconds, file_id)
    )


async def set_facts(tx: Transaction, file_id: int, facts: Facts, thumbnail_key: str | None) -> None:
    """Record what was found; what the worker said stays where nothing was."""
    await tx.execute(
        """
        UPDATE flat_file
        SET mime_type = coalesce(%s, mime_type), width = coalesce(%s, width), height = coalesce(%s, height),
            duration = coalesce(%s, duration), thumbnail_url = coalesce(thumbnail_url, %s), inspected_at = now(),
            updated_at = now()
        WHERE id = %s
        """,
        (facts.mime_type, facts.width, facts.height, facts.duration, thumbnail_key, file_id),
    )


async def insert_copy(
    tx: Transaction,
    *,
    user_id: UUID,
    key: str,
    source_url: str,
    size: int,
    sha256: str,
    mime_type: str,
    facts: Facts,
    thumbnail_key: str | None,
) -> int:
    """Record a file that was copied from elsewhere and has been inspected. Returns its id."""
    file_id: int = await tx.fetch_value(
        """
        INSERT INTO flat_file (user_id, url, source_url, size_bytes, sha256, mime_type, width, height, duration,
                               thumbnail_url, inspected_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now()) RETURNING id
        """,
        (
            user_id,
            key,
            source_url,
            size,
            sha256,
            mime_type,
            facts.width,
            facts.height,
            facts.duration,
            thumbnail_key,
        ),
    )
    return file_id
