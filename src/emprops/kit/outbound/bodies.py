"""What becomes of an answer's body: unpacked, bounded, kept in part, or saved to disk. Never whole in memory."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpcore2
import puremagic

from emprops.kit.outbound.guard import OutboundError, OutboundUnavailableError, TooLargeAnswerError

PATIENCE = 2.0
"""How long :func:`beginning` waits for a body, in seconds."""
BUFFER = 1024 * 1024
INFLATE_STEP = 64 * 1024
UNKNOWN_TYPE = "application/octet-stream"


def is_packed(headers: Mapping[str, str]) -> bool:
    """Return whether a body is compressed, which nobody here asks for. Header names are lower case."""
    return _encoding(headers) != ""


def _encoding(headers: Mapping[str, str]) -> str:
    encoding = headers.get("content-encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


async def unpacked(chunks: AsyncIterable[bytes], headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Read a body, inflating gzip and deflate in steps small enough that a bomb is noticed before it goes off.

    Header names are lower case. Raises :class:`OutboundError` for other compressions, and
    :class:`OutboundUnavailableError` for a body that breaks off.
    """
    encoding = _encoding(headers)
    if encoding not in ("", "gzip", "x-gzip", "deflate"):
        raise OutboundError(f"The answer is compressed in a way that is not accepted ({encoding[:40]}).")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding else None
    begun = False
    async for chunk in chunks:
        begun = True
        if inflater is None:
            yield chunk
            continue
        try:
            for piece in _inflate(inflater, chunk):
                yield piece
        except zlib.error:
            raise OutboundError("The answer is not validly compressed.") from None
    if inflater is not None and begun and not inflater.eof:
        raise OutboundUnavailableError("The answer breaks off.")


def _inflate(inflater: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    while chunk and not inflater.eof:
        piece = inflater.decompress(chunk, INFLATE_STEP)
        if piece:
            yield piece
        chunk = inflater.unconsumed_tail


async def bounded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """Pass a body on up to a size; then raise :class:`TooLargeAnswerError`."""
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise TooLargeAnswerError(max_bytes)
        yield chunk


async def beginning(chunks: AsyncIterator[bytes], keep: int) -> bytes:
    """Read up to ``keep`` bytes, or what comes in a short time; a body that breaks off is no error."""
    received = bytearray()
    with contextlib.suppress(
        TimeoutError, OutboundError, OutboundUnavailableError, httpcore2.NetworkError, httpcore2.ProtocolError
    ):
        async with asyncio.timeout(PATIENCE):
            async for chunk in chunks:
                received += chunk
                if len(received) >= keep:
                    break
    return bytes(received[:keep])


async def saved(chunks: AsyncIterator[bytes], to: Path) -> int:
    """Write a body to a file, of which nothing is left if that fails; gives its size."""
    try:
        return await _save(chunks, to)
    except BaseException:
        await asyncio.to_thread(to.unlink, missing_ok=True)
        raise


async def _save(chunks: AsyncIterator[bytes], to: Path) -> int:
    size = 0
    buffer = bytearray()
    with to.open("wb") as file:
        async for chunk in chunks:
            buffer += chunk
            size += len(chunk)
            if len(buffer) >= BUFFER:
                await asyncio.to_thread(file.write, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(file.write, bytes(buffer))
    return size


def look(path: Path) -> str:
    """Determine a file's type by its first bytes."""
    try:
        return str(puremagic.from_file(path, mime=True)) or UNKNOWN_TYPE
    except (puremagic.PureError, ValueError):
        return UNKNOWN_TYPE
