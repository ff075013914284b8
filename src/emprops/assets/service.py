"""Keep files that users bring: measured, made safe, stored once, each user's own.

What is kept is what :func:`~emprops.media.safe.made_safe` makes of the file. The same bytes of the same user are the
same asset; the same bytes of several users are one stored file, which goes when the last of their assets does.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from blake3 import blake3

from emprops.assets import queries, store
from emprops.assets.queries import Asset
from emprops.assets.store import NewAsset, NewFile
from emprops.auth.store import ensure_user
from emprops.errors import BadRequestError, ConflictError, NotFoundError, UnavailableError
from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.kit.outbox import Entry, Handler, Handlers
from emprops.kit.storage import Storage
from emprops.kit.text import storable
from emprops.kit.web.spooling import spooled
from emprops.media.safe import DamagedPictureError, SafeFile, made_safe
from emprops.media.storage import ASSETS, extension_of
from emprops.quotas import service as quotas
from emprops.quotas.limits import defaults_from
from emprops.settings import Settings

DELETE_FILE = "delete_asset_file"
"""Outbox kind: a stored file without a row."""
ABANDONED = 3600.0
"""Seconds after which a file is removed that was to be stored, and is no asset's: longer than storing one takes."""
LONGEST = 3600.0
"""Seconds that a file may take to arrive altogether."""
MAX_NAME = 200
BATCH = 50


class UnreadablePictureError(BadRequestError):
    """The file is a picture that cannot be decoded."""

    code = "unreadable_picture"


class EmptyFileError(BadRequestError):
    """The file has no bytes."""

    code = "empty_file"


class AssetInUseError(ConflictError):
    """The asset cannot be deleted, because something uses it."""

    code = "asset_in_use"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What assets are kept with."""

    database: Database
    storage: Storage
    settings: Settings


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a file is to be kept."""

    name: str = ""
    keep_metadata: bool = False
    """Whether a picture is stored as it came, with where and by what it was made."""
    expires_in: float | None = None
    """Seconds; None: as the settings say."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that has arrived whole."""

    path: Path
    size: int
    blake3: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An asset, and whether it was made just now."""

    asset: Asset
    is_new: bool


def too_large(settings: Settings) -> str:
    """Return the sentence about a file that is too large."""
    return f"The file is larger than {size_of(settings.asset_bytes)}; send a smaller one."


def size_of(size: int) -> str:
    """Write a size for people."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB" if size >= 1e3 else f"{size} bytes"


@asynccontextmanager
async def arriving(settings: Settings, chunks: AsyncIterator[bytes]) -> AsyncIterator[Incoming]:
    """Take a file in, whole, and lend it. Raises :class:`EmptyFileError` and what spooling raises."""
    hashes = blake3(), sha256()
    async with spooled(
        chunks,
        hashes,
        limit=settings.asset_bytes,
        too_large=too_large(settings),
        idle=settings.body_timeout,
        longest=LONGEST,
    ) as (path, size):
        if size == 0:
            raise EmptyFileError("The file is empty; send one with something in it.")
        yield Incoming(path, size, hashes[0].hexdigest(), hashes[1].hexdigest())


async def keep_stream(shelf: Shelf, user_id: UUID, chunks: AsyncIterator[bytes], wishes: Wishes | None = None) -> Kept:
    """Keep what comes in. Raises what :func:`arriving` and :func:`keep` raise."""
    async with arriving(shelf.settings, chunks) as incoming:
        return await keep(shelf, user_id, incoming, wishes)


async def keep_bytes(shelf: Shelf, user_id: UUID, content: bytes, wishes: Wishes | None = None) -> Kept:
    """Keep a file that is in memory. Raises what :func:`arriving` and :func:`keep` raise."""

    async def whole() -> AsyncIterator[bytes]:
        yield content

    return await keep_stream(shelf, user_id, whole(), wishes)


Also = Callable[[Transaction], Awaitable[None]]
"""What is written in the transaction that records an asset."""


async def _nothing(_: Transaction) -> None:
    pass


async def keep(
    shelf: Shelf, user_id: UUID, incoming: Incoming, wishes: Wishes | None = None, *, also: Also = _nothing
) -> Kept:
    """Make a file one of the user's assets; what they brought before is the asset that it was then. ``also`` is done
    together with that, or nothing is.

    Raises :class:`UnreadablePictureError`, :class:`~emprops.errors.QuotaExceededError`, and
    :class:`~emprops.errors.UnavailableError` when storage fails. Nothing is left behind then.
    """
    wishes = wishes or Wishes()
    new = _new(shelf, user_id, incoming.blake3, wishes)
    async with shelf.database.transaction() as tx:
        known = await store.renew(tx, new)
        if known is not None:
            await also(tx)
            return Kept(known, is_new=False)
    with tempfile.TemporaryDirectory(prefix="emprops-asset-", ignore_cleanup_errors=True) as folder:
        try:
            safe = await made_safe(incoming.path, Path(folder), keep_metadata=wishes.keep_metadata)
        except DamagedPictureError as error:
            raise UnreadablePictureError(f"{str(error).rstrip('.')}. Send another picture.") from None
        if safe.path != incoming.path:
            incoming = await asyncio.to_thread(_measured, safe.path)
        return await _store(shelf, new, incoming, safe, also)


async def keep_again(shelf: Shelf, user_id: UUID, content: str, wishes: Wishes) -> Kept | None:
    """Keep what the user has already, named by the BLAKE3 hash of its content; None if they have no such file.

    Raises :class:`~emprops.errors.QuotaExceededError`.
    """
    new = _new(shelf, user_id, content, wishes)
    async with shelf.database.transaction() as tx:
        file = await store.lock_file_of(tx, user_id, content)
        if file is None:
            return None
        known = await store.renew(tx, new)
        if known is not None:
            return Kept(known, is_new=False)
        await quotas.check_room(tx, user_id, defaults_from(shelf.settings), file.size_bytes)
        return Kept(*await store.put_asset(tx, file.id, new))


def _new(shelf: Shelf, user_id: UUID, source: str, wishes: Wishes) -> NewAsset:
    return NewAsset(
        user_id=user_id,
        source_blake3=source,
        keeps_metadata=wishes.keep_metadata,
        name=stored_name(wishes.name),
        life=(shelf.settings.asset_days * 86_400 or None) if wishes.expires_in is None else wishes.expires_in,
    )


def stored_name(name: str) -> str:
    """Return a file's name as it is stored."""
    return storable(name)[:MAX_NAME]


def _measured(path: Path) -> Incoming:
    strong, usual = blake3(), sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            strong.update(piece)
            usual.update(piece)
        return Incoming(path, file.tell(), strong.hexdigest(), usual.hexdigest())


async def _store(shelf: Shelf, new: NewAsset, incoming: Incoming, safe: SafeFile, also: Also) -> Kept:
    """Store the bytes, unless they are stored already, and record whose they are. A file that is stored and not
    recorded, because the process ended in between, is removed later."""
    file = NewFile(
        key=f"{ASSETS}{secrets.token_hex(16)}{extension_of(safe.mime_type)}",
        blake3=incoming.blake3,
        sha256=incoming.sha256,
        size_bytes=incoming.size,
        mime_type=safe.mime_type,
        width=safe.width,
        height=safe.height,
        duration=safe.duration,
    )
    async with shelf.database.transaction() as tx:
        await ensure_user(tx, new.user_id)
        await quotas.check_room(tx, new.user_id, defaults_from(shelf.settings), file.size_bytes)
        file_id = await store.lock_file(tx, file.blake3)
        if file_id is not None:
            await also(tx)
            return Kept(*await store.put_asset(tx, file_id, new))
        await outbox.put(tx, DELETE_FILE, f"{DELETE_FILE}:abandoned:{file.key}", {"key": file.key}, after=ABANDONED)
    try:
        await shelf.storage.put_file(file.key, incoming.path, file.mime_type)
    except OSError as error:
        raise UnavailableError(f"The file could not be stored: {type(error).__name__}. Try again.") from error
    async with shelf.database.transaction() as tx:
        await also(tx)
        await quotas.check_room(tx, new.user_id, defaults_from(shelf.settings), file.size_bytes)
        file_id, key = await store.put_file(tx, file)
        asset, is_new = await store.put_asset(tx, file_id, new)
        if key != file.key:
            await put_delete(tx, file.key)
        if asset.key != key:
            await drop_files(tx, [file_id])
    return Kept(asset, is_new)


async def get(reader: Transaction, user_id: UUID | None, asset_id: UUID) -> Asset:
    """Return one of the user's assets; None: anybody's. Raises :class:`NotFoundError`."""
    asset = await queries.by_id(reader, user_id, asset_id)
    if asset is None:
        raise NotFoundError("Asset not found")
    return asset


async def delete(tx: Transaction, user_id: UUID, asset_id: UUID) -> Asset:
    """Delete one of the user's assets; its bytes go too, unless somebody else has them. Raises :class:`NotFoundError`
    and :class:`AssetInUseError`."""
    asset = await store.lock(tx, user_id, asset_id)
    if asset is None:
        raise NotFoundError("Asset not found")
    used_by = await store.in_use(tx, asset)
    if used_by is not None:
        raise AssetInUseError(f"The asset is used by {used_by}; delete it once it is not.")
    await drop_files(tx, await store.remove(tx, [asset.id]))
    return asset


async def drop_files(tx: Transaction, file_ids: list[UUID]) -> None:
    """Remove those of these files that no asset has, their bytes after the commit."""
    for key in await store.remove_unused_files(tx, file_ids):
        await put_delete(tx, key)


async def put_delete(tx: Transaction, key: str) -> None:
    """Have a stored file removed that nothing uses, after the commit."""
    await outbox.put(tx, DELETE_FILE, f"{DELETE_FILE}:{key}", {"key": key})


def handlers(database: Database, storage: Storage) -> Handlers:
    """How this feature's outbox rows are delivered."""

    async def remove(entry: Entry) -> None:
        key = str(entry.payload["key"])
        async with database.reader() as reader:
            kept = await store.is_kept(reader, key)
        if not kept:
            await storage.delete(key)

    return {DELETE_FILE: Handler(remove)}
