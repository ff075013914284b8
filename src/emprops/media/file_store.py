"""Rows about stored files (``flat_file``): what workers stored for a step, and where clients find it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.kit.database import Transaction
from emprops.media.mux.assets import put_videos
from emprops.media.storage import key_of, mime_type_of, public_url
from emprops.queue.messages import StoredFile
from emprops.settings import Settings


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that an output can show. ``id`` None: it is stored elsewhere, and only its URL is known."""

    id: int | None
    url: str
    """Absolute."""
    mime_type: str
    thumbnail_url: str | None = None
    is_new: bool = False
    """Recorded in this transaction: nobody else can know of it."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    id: int
    url: str
    mime_type: str
    thumbnail_url: str | None
    step_id: UUID | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class StepFiles:
    """Files that a step left in storage, in their order."""

    user_id: UUID
    job_id: UUID
    step_id: UUID
    files: Sequence[StoredFile]


async def record_files(tx: Transaction, settings: Settings, stored: Sequence[StepFiles]) -> dict[UUID, list[FileRow]]:
    """Record the files of steps; returns the rows of each step. Recording a key again gives the same row.

    A key belongs to the process that recorded it first; what a later attempt stored under it
    replaces size and content facts. JSON is not looked into afterwards: it has no size and no small picture.
    """
    unique = {step.step_id: list({file.key: file for file in step.files}.values()) for step in stored}
    columns = [_columns(step, file) for step in stored for file in unique[step.step_id]]
    if not columns:
        return {step_id: [] for step_id in unique}
    rows = await tx.fetch_all(
        _Recorded,
        """
        INSERT INTO flat_file (url, mime_type, name, size_bytes, sha256, width, height, duration, thumbnail_url,
                               gen_out_data, user_id, job_id, step_id, inspected_at)
        SELECT url, mime_type, name, size_bytes, sha256, width, height, duration, thumbnail_url,
               gen_out_data, user_id, job_id, step_id, CASE WHEN mime_type = 'application/json' THEN now() END
        FROM ROWS FROM (jsonb_to_recordset(%s) AS (
            url text, mime_type text, name text, size_bytes bigint, sha256 text, width int, height int,
            duration float8, thumbnail_url text, gen_out_data jsonb, user_id uuid, job_id uuid, step_id uuid
        )) WITH ORDINALITY
        ORDER BY ordinality
        ON CONFLICT (url) DO UPDATE
        SET mime_type = excluded.mime_type, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
            width = excluded.width, height = excluded.height, duration = excluded.duration,
            thumbnail_url = coalesce(excluded.thumbnail_url, flat_file.thumbnail_url), updated_at = now()
        RETURNING id, url, mime_type, thumbnail_url, step_id, xmax = 0 AS is_new
        """,
        (Jsonb(columns),),
    )
    await put_videos(tx, settings, [row.id for row in rows if row.mime_type.startswith("video/")])
    by_key = {row.url: _file_row(settings, row) for row in rows}
    return {step_id: [by_key[file.key] for file in files] for step_id, files in unique.items()}


def _columns(step: StepFiles, file: StoredFile) -> dict[str, Any]:
    return {
        "url": file.key,
        "mime_type": file.mime_type,
        "name": file.name,
        "size_bytes": file.size,
        "sha256": file.sha256,
        "width": file.width,
        "height": file.height,
        "duration": file.duration,
        "thumbnail_url": file.thumbnail_key,
        "gen_out_data": None if file.node is None else {"node": file.node},
        "user_id": step.user_id,
        "job_id": step.job_id,
        "step_id": step.step_id,
    }


async def files_of_steps(tx: Transaction, settings: Settings, step_ids: Sequence[UUID]) -> dict[UUID, list[FileRow]]:
    """Return what was recorded for these steps, in order; a step without files is missing in the answer. A step that
    took over an earlier result has that one's files."""
    files: dict[UUID, list[FileRow]] = defaultdict(list)
    if not step_ids:
        return files
    # through the step, because files are indexed by job
    rows = await tx.fetch_all(
        _Recorded,
        """
        SELECT f.id, f.url, f.mime_type, f.thumbnail_url, s.id AS step_id
        FROM step s JOIN flat_file f ON f.job_id = s.job_id AND f.step_id = coalesce(s.reused_from, s.id)
        WHERE s.id = ANY(%s) ORDER BY f.id
        """,
        (list(step_ids),),
    )
    for row in rows:
        if row.step_id is not None:
            files[row.step_id].append(_file_row(settings, row))
    return files


async def file_at(tx: Transaction, settings: Settings, url: str) -> FileRow:
    """Return what is recorded of the file behind a URL. One that is not in our storage has no row: only its URL, and
    the type that its name suggests."""
    key = key_of(settings, url)
    row = None
    if key is not None:
        row = await tx.fetch_one(
            _Recorded, "SELECT id, url, mime_type, thumbnail_url, step_id FROM flat_file WHERE url = %s", (key,)
        )
    return (
        FileRow(id=None, url=url, mime_type=mime_type_of(urlsplit(url).path))
        if row is None
        else _file_row(settings, row)
    )


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file of our storage, and whose it is."""

    id: int
    user_id: UUID | None
    mime_type: str
    thumbnail_url: str | None
    """Absolute."""


async def owned_file(
    tx: Transaction, settings: Settings, *, key: str | None = None, file_id: int | None = None
) -> OwnedFile | None:
    """Return a stored file by its key or its id."""
    row = await tx.fetch_one(
        OwnedFile,
        "SELECT id, user_id, mime_type, thumbnail_url FROM flat_file WHERE url = %s OR id = %s",
        (key, file_id),
    )
    if row is None or row.thumbnail_url is None:
        return row
    return replace(row, thumbnail_url=public_url(settings, row.thumbnail_url))


async def lock_files(tx: Transaction, file_ids: Sequence[int]) -> None:
    """Make others that show or give up one of these files wait for this transaction; in the order of their ids."""
    if file_ids:
        await tx.execute(
            "SELECT FROM flat_file WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (sorted(set(file_ids)),)
        )


def _file_row(settings: Settings, row: _Recorded) -> FileRow:
    thumbnail = row.thumbnail_url
    return FileRow(
        id=row.id,
        url=public_url(settings, row.url),
        mime_type=row.mime_type,
        thumbnail_url=None if thumbnail is None else public_url(settings, thumbnail),
        is_new=row.is_new,
    )
