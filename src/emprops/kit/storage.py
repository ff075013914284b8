"""What a store of files is. The two implementations are in ``media/storage.py``."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import structlog

from emprops.kit.remembered import Remembered

log = structlog.get_logger(__name__)

MAX_KEY_LENGTH = 500
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


def is_key(text: str) -> bool:
    """Return whether a text is a storage key: no part is empty, starts with a dot or needs quoting in a URL."""
    return len(text) <= MAX_KEY_LENGTH and all(_PART.fullmatch(part) for part in text.split("/"))


def check_key(text: str) -> str:
    """Return a storage key. Raises ``ValueError`` if it is none."""
    if not is_key(text):
        raise ValueError(f"not a storage key: {text[:80]!r}")
    return text


def measure(path: Path) -> tuple[int, str]:
    """Read a local file for its size in bytes and its SHA-256 checksum. Blocks; for a thread."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


@dataclass(frozen=True, slots=True)
class FileStat:
    """A stored file from outside: its size in bytes, and a text that changes when its content does."""

    size: int
    etag: str
    modified: datetime | None = None
    """When its content was written, if the store knows; with a time zone."""


class Storage(Protocol):
    """Files by key. A key is made by the server: relative, ``/``-separated, of letters, digits, ``._-``.

    Every method raises ``ValueError`` for a key that is not one, and ``FileNotFoundError`` where a file must exist.
    A file is either wholly there or not at all.
    """

    async def put_file(self, key: str, path: Path, mime_type: str) -> None:
        """Store a copy of a local file, replacing what is there."""

    async def put_bytes(self, key: str, content: bytes, mime_type: str) -> None:
        """Store bytes, replacing what is there."""

    async def size(self, key: str) -> int:
        """Return the size in bytes."""

    async def stat(self, key: str) -> FileStat:
        """Return size, version and time."""

    async def exists(self, key: str) -> bool:
        """Return whether there is such a file."""

    def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read the file, or ``length`` bytes of it from ``start``, in chunks."""

    async def read(self, key: str) -> bytes:
        """Read the whole file into memory."""

    def local_path(self, key: str) -> Path | None:
        """Return the file's path if it is on this machine (it need not exist), else None."""

    async def signed_url(self, key: str) -> str | None:
        """Return a URL for direct reading, valid for an hour, if the store can make one."""

    async def upload_url(self, key: str, seconds: float) -> str | None:
        """Return a URL to which anybody can PUT the file for so long, if the store can make one."""

    async def delete(self, key: str) -> None:
        """Remove the file; one that is not there is no error."""

    async def check(self) -> None:
        """Raise ``OSError`` with the reason when the store cannot be used now. It is really used for that."""


PROOF_TIME = 10.0
"""Seconds that :func:`prove` may take."""


class StorageProofError(OSError):
    """A store cannot be used. ``what`` can be shown to everybody; the text also has the reason."""

    def __init__(self, what: str, reason: BaseException) -> None:
        super().__init__(f"{what} ({type(reason).__name__}: {reason})")
        self.what = what


async def prove(storage: Storage) -> None:
    """Store a small file, read it and remove it. Raises :class:`StorageProofError`.

    Nothing less tells: a bucket may be readable but not writable, and so may a folder whose disk is full.
    """
    key, content, what = f"health/{uuid4().hex}.txt", uuid4().bytes, "a file cannot be stored"
    try:
        async with asyncio.timeout(PROOF_TIME):
            await storage.put_bytes(key, content, "text/plain")
            what = "a stored file cannot be read"
            if await storage.read(key) != content:
                raise OSError("it holds something else")
            what = "a stored file cannot be removed"
            await storage.delete(key)
    except OSError as error:  # TimeoutError is one
        raise StorageProofError(what, error) from error


PROVEN_FOR = 15.0
"""Seconds. Load balancers ask every few seconds, and each proof is three requests to the bucket."""


async def storage_state(storage: Storage) -> str:
    """Return ``ok``, or what is wrong with the store."""
    try:
        await storage.check()
    except OSError as error:
        log.warning("storage unusable", error=str(error))
        return error.what if isinstance(error, StorageProofError) else "away"
    return "ok"


def remembered_state() -> Remembered[Storage, str]:
    """Return what gives :func:`storage_state`, and finds it out anew every 15 seconds at most."""
    return Remembered(storage_state, PROVEN_FOR)
