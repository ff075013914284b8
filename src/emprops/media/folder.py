"""Files in a folder of this machine."""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from emprops.kit.storage import FileStat, check_key, prove

CHUNK = 256 * 1024
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderStorage:
    """A :class:`~emprops.kit.storage.Storage` below one folder; links are neither followed nor made."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def put_file(self, key: str, path: Path, mime_type: str) -> None:
        """Copy a file in; the type is told by the key's extension."""
        del mime_type

        def copy(target: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target, CHUNK)

        await asyncio.to_thread(self._write, key, copy)

    async def put_bytes(self, key: str, content: bytes, mime_type: str) -> None:
        """Write a file; the type is told by the key's extension."""
        del mime_type
        await asyncio.to_thread(self._write, key, lambda target: target.write(content))

    async def size(self, key: str) -> int:
        """Return the size in bytes."""
        return (await self.stat(key)).size

    async def stat(self, key: str) -> FileStat:
        """Return size, version and time; a file is replaced by renaming, so its time of change tells versions apart."""
        status = await asyncio.to_thread(lambda: self._existing(key).stat())
        etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        return FileStat(status.st_size, etag, datetime.fromtimestamp(status.st_mtime, UTC))

    async def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        return await asyncio.to_thread(self._path(key).is_file)

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read a part in chunks."""
        file = await self._opened(key)
        try:
            await asyncio.to_thread(file.seek, start)
            left = length
            while left is None or left > 0:
                chunk = await asyncio.to_thread(file.read, CHUNK if left is None else min(CHUNK, left))
                if not chunk:
                    return
                if left is not None:
                    left -= len(chunk)
                yield chunk
        finally:
            file.close()

    async def read(self, key: str) -> bytes:
        """Read the whole file."""

        def read() -> bytes:
            with self._open(key) as file:
                return file.read()

        return await asyncio.to_thread(read)

    def local_path(self, key: str) -> Path | None:
        """Return the path of the file."""
        return self._path(key)

    async def signed_url(self, key: str) -> str | None:
        """Return None: only the api can read the folder."""
        check_key(key)
        return None

    async def upload_url(self, key: str, seconds: float) -> str | None:
        """Return None: only the api can write to the folder."""
        del seconds
        check_key(key)
        return None

    async def delete(self, key: str) -> None:
        """Remove the file; its folder stays, since another file may be on its way into it."""
        await asyncio.to_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def check(self) -> None:
        """Store, read and remove a file; the folder is made if needed."""
        await prove(self)

    def _path(self, key: str) -> Path:
        """Return the path of a key, sure to lie below the root even if somebody planted a link there."""
        path = str(self.root)
        for part in check_key(key).split("/"):
            path = f"{path}/{part}"
            if os.path.islink(path):  # noqa: PTH114 -- a path's own way takes five times as long
                raise ValueError(f"not a storage key: {key[:80]!r}")
        return Path(path)

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(f"there is no stored file {key}")
        return path

    async def _opened(self, key: str) -> BinaryIO:
        """Open a file in a thread. If nobody waits for it any more when it is open, it is closed again."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._open, key))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_again)
            raise

    def _open(self, key: str) -> BinaryIO:
        descriptor = os.open(self._existing(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return os.fdopen(descriptor, "rb")

    def _write(self, key: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write next to the target, flush to disk, rename: a reader or a crash sees the old file or the new one."""
        target = self._path(key)
        temporary = target.with_name(f".part-{secrets.token_hex(8)}")
        try:
            descriptor = os.open(temporary, NEW_FILE, 0o600)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, NEW_FILE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fill(file)
                file.flush()
                os.fchmod(descriptor, 0o644)
                os.fsync(descriptor)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def _close_again(opening: asyncio.Future[BinaryIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
