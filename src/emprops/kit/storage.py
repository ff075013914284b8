"""What a store of files is. The two implementations are in ``media/storage.py``."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

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
        """Return the file's path if it lies on this machine (it need not exist), else None."""

    async def signed_url(self, key: str) -> str | None:
        """Return a URL for direct reading, valid for an hour, if the store can make one."""

    async def delete(self, key: str) -> None:
        """Remove the file; one that is not there is no error."""

    async def check(self) -> None:
        """Raise ``OSError`` with the reason when the store cannot be used now."""
