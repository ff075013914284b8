"""SQL of what clients do to single outputs; that of jobs is in ``job_results_store.py``."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.outputs.states import FAIL, REPLACE


@dataclass(frozen=True, slots=True)
class Held:
    """An output, locked."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    deck_id: UUID | None
    status: str
    generated: bool
    """Made by the server for a job, not by a client."""
    generation: int
    custodied_for: UUID | None
    source_output_id: UUID | None
    url: str | None
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None
    copied_from: str | None
    """The URL that was given, if ``url`` is our copy of what lay there."""


COLUMNS = """
    o.id, o.user_id, o.collection_id, o.deck_id, o.status, o.generated, o.generation, o.custodied_for,
    o.source_output_id, o.url, o.mime_type, o.thumbnail_url, o.flat_file_id, f.source_url AS copied_from
"""


@dataclass(frozen=True, slots=True)
class Whose:
    """To whom and to which job an output belongs."""

    user_id: UUID
    job_id: UUID | None


async def whose(tx: Transaction, output_id: UUID) -> Whose | None:
    """Return that of an output, without a lock."""
    return await tx.fetch_one(Whose, "SELECT user_id, job_id FROM output WHERE id = %s", (output_id,))


async def lock(tx: Transaction, output_id: UUID) -> Held | None:
    """Lock an output until the transaction ends."""
    return await tx.fetch_one(
        Held,
        f"""
        SELECT {COLUMNS} FROM output o LEFT JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = %s FOR NO KEY UPDATE OF o
        """,
        (output_id,),
    )


async def lock_open_of_job(tx: Transaction, job_id: UUID) -> list[Held]:
    """Lock a job's outputs that a client's output may replace: made by the server, without a result yet."""
    return await tx.fetch_all(
        Held,
        f"""
        SELECT {COLUMNS} FROM output o LEFT JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.job_id = %s AND o.generated AND o.status = ANY(%s)
        ORDER BY o.generation, o.id FOR NO KEY UPDATE OF o
        """,
        (job_id, list(FAIL)),
    )


async def made_by_clients(tx: Transaction, job_id: UUID) -> dict[int, int]:
    """Count a job's visible outputs that clients made, by generation."""
    rows = await tx.fetch_dicts(
        """
        SELECT generation, count(*) AS n FROM output
        WHERE job_id = %s AND NOT generated AND status <> 'hidden' GROUP BY generation
        """,
        (job_id,),
    )
    return {row["generation"]: row["n"] for row in rows}


async def leave_job(tx: Transaction, output_id: UUID) -> None:
    """Take an output out of its job, so that the job's result goes to another one."""
    await tx.execute("UPDATE output SET job_id = NULL, updated_at = now() WHERE id = %s", (output_id,))


@dataclass(frozen=True, slots=True)
class Other:
    """Another output that shows the same file."""

    id: UUID
    user_id: UUID
    generated: bool


async def other_that_shows(tx: Transaction, file_id: int, output_id: UUID) -> Other | None:
    """Return another visible output that shows a file. Call with the file locked."""
    return await tx.fetch_one(
        Other,
        "SELECT id, user_id, generated FROM output WHERE flat_file_id = %s AND status <> 'hidden' AND id <> %s",
        (file_id, output_id),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What an output shows from now on."""

    url: str
    mime_type: str | None
    thumbnail_url: str | None
    flat_file_id: int | None


async def complete(tx: Transaction, output_id: UUID, shown: Shown, output_metadata: dict[str, Any] | None) -> bool:
    """Complete an output, or replace what a completed one shows; its first time of completion stays."""
    return (
        await tx.execute(
            """
            UPDATE output
            SET status = 'completed', url = %(url)s, mime_type = %(mime_type)s, thumbnail_url = %(thumbnail_url)s,
                flat_file_id = %(flat_file_id)s, output_metadata = coalesce(%(metadata)s::jsonb, output_metadata),
                error_message = NULL, completed_at = coalesce(completed_at, now()), updated_at = now()
            WHERE id = %(id)s AND status = ANY(%(from)s)
            """,
            {
                "id": output_id,
                "url": shown.url,
                "mime_type": shown.mime_type,
                "thumbnail_url": shown.thumbnail_url,
                "flat_file_id": shown.flat_file_id,
                "metadata": None if output_metadata is None else Jsonb(output_metadata),
                "from": list(REPLACE),
            },
        )
        == 1
    )


async def fail(tx: Transaction, output_id: UUID, message: str) -> bool:
    """Fail an open output, or replace the reason of a failed one."""
    failed = await tx.execute(
        "UPDATE output SET status = 'failed', error_message = %s, updated_at = now() WHERE id = %s"
        " AND status = ANY(%s)",
        (message, output_id, [*FAIL, "failed"]),
    )
    return failed == 1
