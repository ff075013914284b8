"""A file that somebody sent, read within limits."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

MAX_TEXT = 16 * 1024 * 1024
"""Bytes of one text, before and after it is unpacked."""
MAX_READ = 4 * MAX_TEXT
"""Bytes that are read and unpacked of one file; what is skipped does not count."""
MAX_PARTS = 200_000
"""Chunks, boxes, elements, pages and frames that are looked at."""

Text = tuple[str, str]
"""A text and the name it has in the file, in lower case."""


class UnreadableFileError(Exception):
    """The file is damaged, or takes too much to read; the sentence says which."""


class Source:
    """Reads and skips, and counts what that takes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._read = 0
        self._parts = 0
        self.size = file.seek(0, 2)
        file.seek(0)

    @property
    def at(self) -> int:
        """Where the next byte comes from."""
        return self._file.tell()

    def go(self, at: int) -> None:
        """Go on from there."""
        self._file.seek(at)

    def part(self) -> None:
        """Count a part of the file. Raises :class:`UnreadableFileError` for too many."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise UnreadableFileError(f"The file has more than {MAX_PARTS} parts.")

    def read(self, count: int) -> bytes:
        """Read exactly so many bytes. Raises :class:`UnreadableFileError` if there are fewer, or if it is too much."""
        if count > self.size - self.at:
            raise UnreadableFileError("The file is damaged: it ends too early.")
        self.count(count)
        return self._file.read(count)

    def count(self, read: int) -> None:
        """Count bytes that are read. Raises :class:`UnreadableFileError` for too many."""
        self._read += read
        if read > MAX_TEXT or self._read > MAX_READ:
            raise UnreadableFileError(f"The file has more than {MAX_TEXT // 1024 // 1024} MB of text.")

    def unpack(self, packed: bytes) -> bytes:
        """Unpack zlib data. Raises :class:`UnreadableFileError` for damaged data, or too much of it."""
        try:
            plain = zlib.decompressobj().decompress(packed, MAX_TEXT + 1)
        except zlib.error:
            raise UnreadableFileError("The file is damaged: a text in it cannot be unpacked.") from None
        self.count(len(plain))
        return plain

    def number(self, count: int) -> int:
        """Read a whole number of so many bytes, the highest first."""
        return int.from_bytes(self.read(count))


def named(name: bytes, text: bytes) -> Iterator[Text]:
    """Yield a text, if it is not empty."""
    plain = decoded(text)
    if plain:
        yield decoded(name).lower(), plain


def decoded(raw: bytes) -> str:
    """Read a text in UTF-8, else in Latin-1; NULs at its end are not part of it."""
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
