"""Bodies of files on their way in: whole and counted in a temporary file before anything else sees them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Protocol

from starlette.requests import Request
from starlette.types import Message

from emprops.errors import RequestTimeoutError, TooLargeError

BUFFER = 1024 * 1024


class Digest(Protocol):
    """A hash that is being made."""

    def update(self, piece: bytes, /) -> object:
        """Take more bytes in."""


@asynccontextmanager
async def spooled(
    chunks: AsyncIterator[bytes], digests: Sequence[Digest], *, limit: int, too_large: str, idle: float, longest: float
) -> AsyncIterator[tuple[Path, int]]:
    """Bring a body into a temporary file; yields its path and size. The digests have seen all of it.

    Raises :class:`TooLargeError` with the sentence ``too_large`` for more than ``limit`` bytes, and
    :class:`RequestTimeoutError` when nothing comes for ``idle`` seconds or it takes more than ``longest`` altogether.
    """
    with tempfile.NamedTemporaryFile(prefix="emprops-upload-") as file:
        try:
            async with asyncio.timeout(longest):
                size = await _write(chunks, file.file, digests, limit, too_large, idle)
        except TimeoutError:
            raise RequestTimeoutError(f"The file did not arrive within {longest:g} seconds.") from None
        yield Path(file.name), size


async def _write(
    chunks: AsyncIterator[bytes], file: IO[bytes], digests: Sequence[Digest], limit: int, too_large: str, idle: float
) -> int:
    size, buffer = 0, bytearray()
    incoming = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(incoming, None)
        except TimeoutError:
            raise RequestTimeoutError(f"Nothing came for {idle:g} seconds.") from None
        size += len(chunk or b"")
        if size > limit:
            raise TooLargeError(too_large)
        buffer += chunk or b""
        if len(buffer) >= BUFFER or chunk is None:
            await asyncio.to_thread(_append, file, digests, bytes(buffer))
            buffer.clear()
        if chunk is None:
            return size


def _append(file: IO[bytes], digests: Sequence[Digest], piece: bytes) -> None:
    for digest in digests:
        digest.update(piece)
    file.write(piece)
    file.flush()


def patient(request: Request, seconds: float) -> Request:
    """Return the request such that its body is given up once nothing has come for so long."""

    async def receive() -> Message:
        try:
            async with asyncio.timeout(seconds):
                return await request.receive()
        except TimeoutError:
            raise RequestTimeoutError(f"Nothing came for {seconds:g} seconds.") from None

    return Request(request.scope, receive)
