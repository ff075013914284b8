"""Files that do not come in one request: in parts, which may be resumed, or into the bucket directly.

The parts of an upload are files in storage until it is whole; then it is kept as every other file. Any process may take
the next part. What nothing comes of for a day is given up.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import UUID

from emprops.assets import service, upload_store
from emprops.assets.service import EmptyFileError, Kept, Shelf, Wishes, arriving, put_delete, size_of, too_large
from emprops.assets.upload_store import Unfinished
from emprops.auth.store import ensure_user
from emprops.errors import BadRequestError, ConflictError, NotFoundError, TooLargeError, UnavailableError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.quotas import service as quotas
from emprops.quotas.limits import defaults_from
from emprops.settings import Settings

FOLDER = "assets/parts/"
"""Private, as assets are."""
PART = 4 * 1024 * 1024
"""Bytes that are stored at once: at most so many are lost when a connection breaks."""
MAX_OPEN = 20
URL_LIFE = 3600.0
"""Seconds for which a file may be put into the bucket."""


class UploadOffsetError(ConflictError):
    """A part does not begin where the upload ends; ask how far it is, and go on there."""

    code = "upload_offset"


class UploadIncompleteError(ConflictError):
    """The file is not in the bucket yet."""

    code = "upload_incomplete"


class TooManyUploadsError(ConflictError):
    """The user has as many unfinished uploads as there may be."""

    code = "too_many_uploads"


class NoPresignedUploadsError(BadRequestError):
    """The storage of this installation takes files through the api only."""

    code = "no_presigned_uploads"


async def begin(shelf: Shelf, user_id: UUID, size: int, wishes: Wishes) -> Unfinished:
    """Begin an upload in parts. Raises what :func:`insert` raises."""
    async with shelf.database.transaction() as tx:
        return await insert(tx, shelf.settings, user_id, size, wishes)


async def insert(
    tx: Transaction, settings: Settings, user_id: UUID, size: int, wishes: Wishes, *, presigned: bool = False
) -> Unfinished:
    """Begin an upload of a file of this size.

    Raises :class:`EmptyFileError`, :class:`~emprops.errors.TooLargeError`,
    :class:`~emprops.errors.QuotaExceededError` and :class:`TooManyUploadsError`.
    """
    if size < 1:
        raise EmptyFileError("The file is empty; send one with something in it.")
    if size > settings.asset_bytes:
        raise TooLargeError(too_large(settings))
    await ensure_user(tx, user_id)
    await quotas.check_room(tx, user_id, defaults_from(settings), size)
    if await upload_store.count_open(tx, user_id) >= MAX_OPEN:
        raise TooManyUploadsError(f"You have {MAX_OPEN} unfinished uploads; finish or delete one of them first.")
    upload = Unfinished(
        id=new_id(),
        user_id=user_id,
        size_bytes=size,
        received=0,
        parts=[f"{FOLDER}{secrets.token_hex(16)}.bin"] if presigned else [],
        sizes=[size] if presigned else [],
        presigned=presigned,
        name=service.stored_name(wishes.name),
        keeps_metadata=wishes.keep_metadata,
        expires_in=wishes.expires_in,
        asset_id=None,
        expires_at=datetime.now(UTC),
    )
    return await upload_store.insert(tx, upload)


async def get(reader: Transaction, user_id: UUID, upload_id: UUID, *, presigned: bool = False) -> Unfinished:
    """Return one of the user's uploads. Raises :class:`NotFoundError`."""
    upload = await upload_store.get(reader, user_id, upload_id)
    if upload is None or upload.presigned != presigned:
        raise NotFoundError("Upload not found")
    return upload


async def take(shelf: Shelf, user_id: UUID, upload_id: UUID, offset: int, chunks: AsyncIterator[bytes]) -> Unfinished:
    """Take what comes of an upload, from this byte on; all that came counts, also if it breaks off. When the file is
    whole, it becomes an asset.

    Raises :class:`UploadOffsetError`, :class:`~emprops.errors.TooLargeError` for more than was announced, and what
    keeping a file raises.
    """
    async with shelf.database.reader() as reader:
        upload = await get(reader, user_id, upload_id)
    if offset != upload.received:
        raise UploadOffsetError(f"The upload goes on at byte {upload.received}; send what follows from there.")
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if upload.received + len(buffer) > upload.size_bytes:
            raise TooLargeError(f"The file has more than the {upload.size_bytes} bytes that were announced.")
        if len(buffer) >= PART:
            upload = await _put_part(shelf, upload, bytes(buffer))
            buffer.clear()
    if buffer:
        upload = await _put_part(shelf, upload, bytes(buffer))
    if upload.received == upload.size_bytes and upload.asset_id is None:
        await _finish(shelf, upload)
        async with shelf.database.reader() as reader:
            upload = await get(reader, user_id, upload_id)
    return upload


async def _put_part(shelf: Shelf, upload: Unfinished, content: bytes) -> Unfinished:
    key = f"{FOLDER}{secrets.token_hex(16)}.bin"
    async with shelf.database.transaction() as tx:
        announced = await upload_store.announce_part(tx, upload.id, offset=upload.received, key=key)
    if not announced:
        raise UploadOffsetError("Somebody else is sending this upload; ask how far it is.")
    try:
        await shelf.storage.put_bytes(key, content, "application/octet-stream")
    except OSError as error:
        raise UnavailableError(f"The part could not be stored: {type(error).__name__}. Try again.") from error
    async with shelf.database.transaction() as tx:
        counted = await upload_store.count_part(tx, upload.id, offset=upload.received, key=key, size=len(content))
    if counted is None:
        raise UploadOffsetError("Somebody else is sending this upload; ask how far it is.")
    return counted


async def _finish(shelf: Shelf, upload: Unfinished) -> Kept:
    """Keep an upload that is whole. One that cannot become an asset is given up."""
    wishes = Wishes(upload.name, upload.keeps_metadata, upload.expires_in)
    try:
        async with arriving(shelf.settings, _content(shelf, upload)) as incoming:
            kept = await service.keep(shelf, upload.user_id, incoming, wishes)
    except (service.UnreadablePictureError, TooLargeError):
        await give_up(shelf, upload)
        raise
    except OSError as error:
        raise UnavailableError(f"The upload could not be read: {type(error).__name__}. Try again.") from error
    async with shelf.database.transaction() as tx:
        for key in await upload_store.finish(tx, upload.id, kept.asset.id):
            await put_delete(tx, key)
    return kept


async def _content(shelf: Shelf, upload: Unfinished) -> AsyncIterator[bytes]:
    for key in upload.counted:
        async with aclosing(shelf.storage.stream(key)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield chunk


async def give_up(shelf: Shelf, upload: Unfinished) -> None:
    """Forget an upload, with what came of it."""
    async with shelf.database.transaction() as tx:
        for key in await upload_store.remove(tx, upload.id):
            await put_delete(tx, key)


async def presigned_url(shelf: Shelf, upload: Unfinished) -> str | None:
    """Return where the owner of an upload puts the file; None if the storage takes files through the api only."""
    return await shelf.storage.upload_url(upload.parts[0], URL_LIFE)


async def check_presigned(shelf: Shelf) -> None:
    """Raise :class:`NoPresignedUploadsError` unless the storage takes files directly."""
    if await shelf.storage.upload_url(f"{FOLDER}none.bin", URL_LIFE) is None:
        raise NoPresignedUploadsError("Files are not stored in a bucket here; send the file to POST /assets.")


async def complete(shelf: Shelf, user_id: UUID, upload_id: UUID) -> Kept:
    """Make a file that was put into the bucket an asset, once it is there and as it was announced. Sent again, it
    gives the same asset.

    Raises :class:`NotFoundError`, :class:`UploadIncompleteError`, :class:`~emprops.errors.BadRequestError` for another
    size, which gives the upload up, and what keeping a file raises.
    """
    async with shelf.database.reader() as reader:
        upload = await get(reader, user_id, upload_id, presigned=True)
        if upload.asset_id is not None:
            return Kept(await service.get(reader, user_id, upload.asset_id), is_new=False)
    try:
        size = await shelf.storage.size(upload.parts[0])
    except FileNotFoundError:
        raise UploadIncompleteError("The file has not arrived; put it to the url of the upload first.") from None
    except OSError as error:
        raise UnavailableError(f"The upload could not be read: {type(error).__name__}. Try again.") from error
    if size != upload.size_bytes:
        await give_up(shelf, upload)
        raise BadRequestError(
            f"The file has {size_of(size)} ({size} bytes), and {upload.size_bytes} were announced; begin again."
        )
    return await _finish(shelf, upload)


async def remove_old(database: Database) -> int:
    """Drop uploads of which nothing came for a day; an upkeep duty. Returns how many."""
    removed = 0
    while True:
        async with database.transaction() as tx:
            old = await upload_store.lock_old(tx, service.BATCH)
            for upload_id in old:
                for key in await upload_store.remove(tx, upload_id):
                    await put_delete(tx, key)
        removed += len(old)
        if len(old) < service.BATCH:
            return removed
