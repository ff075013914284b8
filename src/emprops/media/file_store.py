"""Rows about stored files (``flat_file``): what workers stored for a step, and where clients find it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class StepFiles:
    """Files that a step left in storage, in their order."""

    user_id: UUID
    job_id: UUID
    step_id: UUID
    files: Sequence[StoredFile]


@dataclass(frozen=True, slots=True)
class FileSlot:
    """Under which id a file is recorded, or will be."""

    id: int
    thumbnail_url: str | None = None
    """As it is recorded."""
    is_new: bool = True


async def slots_for(tx: Transaction, keys: Iterable[str]) -> dict[str, FileSlot]:
    """Return where the files with these keys are recorded. Those that are not get ids, which rise in the order of the
    keys. Call with the jobs locked that stored them."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    rows = await tx.fetch_dicts(
        """
        SELECT key, f.id, f.thumbnail_url, CASE WHEN f.id IS NULL THEN nextval('flat_file_id_seq') END AS fresh
        FROM unnest(%s::text[]) AS key LEFT JOIN flat_file f ON f.url = key
        """,
        (wanted,),
    )
    known = {
        row["key"]: FileSlot(row["id"], row["thumbnail_url"], is_new=False) for row in rows if row["id"] is not None
    }
    fresh = iter(sorted(row["fresh"] for row in rows if row["fresh"] is not None))
    return {key: known.get(key) or FileSlot(next(fresh)) for key in wanted}


async def record_files(
    tx: Transaction, settings: Settings, stored: Sequence[StepFiles], slots: Mapping[str, FileSlot] | None = None
) -> dict[UUID, list[FileRow]]:
    """Record the files of steps; returns the rows of each step. Recording a key again gives the same row. ``slots``:
    those of their keys, if they were looked up already.

    A key belongs to the process that recorded it first; what a later attempt stored under it replaces size and content
    facts. JSON is not looked into afterwards: it has no size and no small picture.
    """
    unique = {step.step_id: list({file.key: file for file in step.files}.values()) for step in stored}
    columns = [_columns(step, file) for step in stored for file in unique[step.step_id]]
    if not columns:
        return {step_id: [] for step_id in unique}
    if slots is None:
        slots = await slots_for(tx, [new["url"] for new in columns])
    await tx.execute_later(
        """
        INSERT INTO flat_file (id, url, mime_type, name, size_bytes, sha256, width, height, duration, thumbnail_url,
                               gen_out_data, user_id, job_id, step_id, inspected_at)
        OVERRIDING SYSTEM VALUE
        SELECT id, url, mime_type, name, size_bytes, sha256, width, height, duration, thumbnail_url,
               gen_out_data, user_id, job_id, step_id, CASE WHEN mime_type = 'application/json' THEN now() END
        FROM jsonb_to_recordset(%s) AS new (
            id bigint, url text, mime_type text, name text, size_bytes bigint, sha256 text, width int, height int,
            duration float8, thumbnail_url text, gen_out_data jsonb, user_id uuid, job_id uuid, step_id uuid)
        ON CONFLICT (url) DO UPDATE
        SET mime_type = excluded.mime_type, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
            width = excluded.width, height = excluded.height, duration = excluded.duration,
            thumbnail_url = coalesce(excluded.thumbnail_url, flat_file.thumbnail_url), updated_at = now()
        """,
        (Jsonb([{"id": slots[new["url"]].id, **new} for new in columns]),),
    )
    rows = {
        file.key: _row(settings, slots[file.key], file.key, file.mime_type, file.thumbnail_key)
        for files in unique.values()
        for file in files
    }
    await put_videos(tx, settings, [slots[key].id for key, row in rows.items() if row.mime_type.startswith("video/")])
    return {step_id: [rows[file.key] for file in files] for step_id, files in unique.items()}


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
    return _row(settings, FileSlot(row.id, is_new=False), row.url, row.mime_type, row.thumbnail_url)


def _row(settings: Settings, slot: FileSlot, key: str, mime_type: str, thumbnail_key: str | None) -> FileRow:
    small = thumbnail_key or slot.thumbnail_url
    return FileRow(
        id=slot.id,
        url=public_url(settings, key),
        mime_type=mime_type,
        thumbnail_url=None if small is None else public_url(settings, small),
        is_new=slot.is_new,
    )
