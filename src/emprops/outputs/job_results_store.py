"""SQL of what a job does to its outputs. Each change of state is one conditional ``UPDATE``; see ``states.py``."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.media.file_store import FileRow
from emprops.outputs.results import JobOutput
from emprops.outputs.states import FAIL, FINISH, REOPEN, START, VISIBLE, HiddenBy


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutput:
    """A pending output about to be inserted."""

    id: UUID
    user_id: UUID
    collection_id: UUID
    generation: int
    source: str
    input_metadata: dict[str, Any] | None
    job_id: UUID | None = None
    deck_id: UUID | None = None
    position: int | None = None
    custodied_for: UUID | None = None
    source_output_id: UUID | None = None
    generated: bool
    """Made for a job by the server, not by a client."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where an output made before stands, seen from a job that wants it."""

    user_id: UUID
    collection_id: UUID
    deck_id: UUID | None
    job_id: UUID | None
    custodied_for: UUID | None
    status: str


async def insert_pending(tx: Transaction, outputs: Sequence[NewOutput]) -> None:
    """Insert pending outputs."""
    await tx.execute_later(
        """
        INSERT INTO output (id, generation, position, user_id, collection_id, deck_id, job_id, source, input_metadata,
                            is_custodial, custodied_for, source_output_id, generated)
        SELECT id, generation, position, user_id, collection_id, deck_id, job_id, source, input_metadata,
               custodied_for IS NOT NULL, custodied_for, source_output_id, generated
        FROM jsonb_to_recordset(%s) AS new (
            id uuid, generation int, position int, user_id uuid, collection_id uuid, deck_id uuid, job_id uuid,
            source text, input_metadata jsonb, custodied_for uuid, source_output_id uuid, generated boolean)
        """,
        (Jsonb(outputs),),
    )


async def link_to_job(
    tx: Transaction,
    output_id: UUID,
    *,
    user_id: UUID,
    collection_id: UUID,
    job_id: UUID,
    input_metadata: dict[str, Any],
) -> bool:
    """Make a pending output of the user's the first one of a job. False if it is not that, or has a job already."""
    linked = await tx.execute(
        """
        UPDATE output SET job_id = %s, generation = 0, input_metadata = coalesce(input_metadata, %s), updated_at = now()
        WHERE id = %s AND user_id = %s AND collection_id = %s AND job_id IS NULL AND status = ANY(%s)
        """,
        (job_id, Jsonb(input_metadata), output_id, user_id, collection_id, list(START)),
    )
    return linked == 1


async def link_of(tx: Transaction, output_id: UUID) -> Link | None:
    """Return how an output stands."""
    return await tx.fetch_one(
        Link,
        "SELECT user_id, collection_id, deck_id, job_id, custodied_for, status FROM output WHERE id = %s",
        (output_id,),
    )


async def start_of_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> int:
    """Pending outputs of these jobs become processing. Returns how many did."""
    return await tx.execute(
        "UPDATE output SET status = 'processing', updated_at = now() WHERE job_id = ANY(%s) AND status = ANY(%s)",
        (list(job_ids), list(START)),
    )


async def ids_of_job(tx: Transaction, job_id: UUID) -> list[UUID]:
    """Return a job's outputs, in the order of its generations."""
    return await tx.fetch_values("SELECT id FROM output WHERE job_id = %s ORDER BY generation, id", (job_id,))


async def lock_of_jobs(tx: Transaction, job_ids: Collection[UUID]) -> dict[UUID, list[JobOutput]]:
    """Lock the outputs of jobs, in the order of their ids; returns those of each in the order in which they take its
    files."""
    rows = await tx.fetch_dicts(
        """
        SELECT job_id, id, generation, status, deck_id, url, flat_file_id FROM output WHERE job_id = ANY(%s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        (list(job_ids),),
    )
    outputs: dict[UUID, list[JobOutput]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["generation"], row["id"])):
        outputs[row.pop("job_id")].append(JobOutput(**row))
    return outputs


async def shown_by(tx: Transaction, file_ids: Collection[int]) -> dict[int, set[UUID | None]]:
    """Return the jobs whose visible outputs show these files; None: an output without a job. Call with the files
    locked."""
    rows = await tx.fetch_dicts(
        "SELECT DISTINCT flat_file_id, job_id FROM output WHERE flat_file_id = ANY(%s) AND status <> 'hidden'",
        (list(file_ids),),
    )
    shown: dict[int, set[UUID | None]] = defaultdict(set)
    for row in rows:
        shown[row["flat_file_id"]].add(row["job_id"])
    return shown


async def complete(
    tx: Transaction, results: Sequence[tuple[UUID, FileRow]], output_metadata: dict[str, Any] | None
) -> None:
    """Attach files to outputs and complete them, where their state allows it."""
    await tx.execute_later(
        """
        UPDATE output
        SET status = 'completed', flat_file_id = result.file_id, url = result.url, mime_type = result.mime_type,
            thumbnail_url = result.thumbnail_url, error_message = NULL,
            output_metadata = coalesce(%(output_metadata)s::jsonb, output_metadata),
            completed_at = coalesce(completed_at, now()), updated_at = now()
        FROM unnest(%(ids)s::uuid[], %(file_ids)s::bigint[], %(urls)s::text[], %(mime_types)s::text[],
                    %(thumbnails)s::text[]) AS result (output_id, file_id, url, mime_type, thumbnail_url)
        WHERE output.id = ANY(%(ids)s) AND output.id = result.output_id AND output.status = ANY(%(from)s)
        """,
        {
            "ids": [output_id for output_id, _ in results],
            "from": list(FINISH),
            "output_metadata": None if output_metadata is None else Jsonb(output_metadata),
            **_file_columns([file for _, file in results]),
        },
    )


async def insert_completed_beside(
    tx: Transaction,
    sibling_id: UUID,
    new: Sequence[tuple[UUID, int | None, FileRow]],
    deck_id: UUID | None,
    output_metadata: dict[str, Any] | None,
) -> None:
    """Insert completed outputs ``(id, position, file)`` that are otherwise like their sibling."""
    await tx.execute(
        """
        INSERT INTO output (id, position, flat_file_id, url, mime_type, thumbnail_url, deck_id, output_metadata,
                            status, completed_at, user_id, collection_id, job_id, generation, source, input_metadata,
                            is_custodial, custodied_for, source_output_id, generated)
        SELECT new.*, %(deck_id)s::uuid, %(output_metadata)s::jsonb, 'completed', now(), o.user_id, o.collection_id,
               o.job_id, o.generation, o.source, o.input_metadata, o.is_custodial, o.custodied_for, o.source_output_id,
               true
        FROM unnest(%(ids)s::uuid[], %(positions)s::int[], %(file_ids)s::bigint[], %(urls)s::text[],
                    %(mime_types)s::text[], %(thumbnails)s::text[]) AS new, output o
        WHERE o.id = %(sibling_id)s
        """,
        {
            "ids": [output_id for output_id, _, _ in new],
            "positions": [position for _, position, _ in new],
            "deck_id": deck_id,
            "sibling_id": sibling_id,
            "output_metadata": None if output_metadata is None else Jsonb(output_metadata),
            **_file_columns([file for _, _, file in new]),
        },
    )


def _file_columns(files: Sequence[FileRow]) -> dict[str, list[Any]]:
    return {
        "file_ids": [file.id for file in files],
        "urls": [file.url for file in files],
        "mime_types": [file.mime_type for file in files],
        "thumbnails": [file.thumbnail_url for file in files],
    }


async def fail(tx: Transaction, output_ids: Collection[UUID], message: str) -> int:
    """Fail open outputs. Returns how many were."""
    return await tx.execute(
        "UPDATE output SET status = 'failed', error_message = %s, updated_at = now() WHERE id = ANY(%s)"
        " AND status = ANY(%s)",
        (message, list(output_ids), list(FAIL)),
    )


async def fail_of_job(tx: Transaction, job_id: UUID, message: str) -> int:
    """Fail the job's open outputs. Returns how many were."""
    return await tx.execute(
        "UPDATE output SET status = 'failed', error_message = %s, updated_at = now() WHERE job_id = %s"
        " AND status = ANY(%s)",
        (message, job_id, list(FAIL)),
    )


async def reopen_of_job(tx: Transaction, job_id: UUID) -> int:
    """The job's failed outputs become pending again. Returns how many did."""
    return await tx.execute(
        "UPDATE output SET status = 'pending', error_message = NULL, updated_at = now() WHERE job_id = %s"
        " AND status = ANY(%s)",
        (job_id, list(REOPEN)),
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """An output and the deck it is in."""

    id: UUID
    deck_id: UUID | None


async def hide(tx: Transaction, output_ids: Collection[UUID], by: HiddenBy) -> list[Placed]:
    """Hide visible outputs. Returns each one that became hidden; the caller tells the decks."""
    return await tx.fetch_all(
        Placed,
        "UPDATE output SET status = 'hidden', hidden_by = %s, updated_at = now()"
        " WHERE id = ANY(%s) AND status = ANY(%s) RETURNING id, deck_id",
        (by, list(output_ids), list(VISIBLE)),
    )
