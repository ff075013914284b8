"""Files from workers on other machines on their way into storage: only under a live claim, only under its own name."""

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from redis.asyncio import Redis

from emprops.errors import BadRequestError, NotFoundError, RequestTimeoutError, TooLargeError, UnavailableError
from emprops.gateway.identity import is_own
from emprops.gateway.service import RemoteWorker
from emprops.kit.storage import Storage, is_key
from emprops.media.types import mime_type_of
from emprops.queue.remote_claims import RemoteClaims, Upload
from emprops.settings import Settings

BUFFER = 1024 * 1024
_FILE = re.compile(r"\d{1,3}\.[a-z0-9]{1,5}")
NO_CLAIM = "This worker has no such claim, or not any more; its files are not taken."


async def receive(
    chunks: AsyncIterator[bytes],
    key: str,
    *,
    worker: RemoteWorker,
    token: str,
    sha256: str,
    redis: Redis,
    storage: Storage,
    settings: Settings,
) -> Upload:
    """Store what comes in, once it is there whole and has the promised checksum.

    Raises :class:`NotFoundError` without a claim that allows it, also if it lapsed meanwhile; :class:`TooLargeError`,
    :class:`RequestTimeoutError`, :class:`BadRequestError` for another checksum, and :class:`UnavailableError` when
    storage fails.
    """
    claims = RemoteClaims(redis, settings.queue_prefix)
    await _check(claims, key, worker, token)
    try:
        async with _spooled(chunks, settings) as (path, size, digest):
            if digest != sha256:
                raise BadRequestError(
                    "What arrived does not have the SHA-256 checksum of Content-SHA256; send it again."
                )
            await _check(claims, key, worker, token)
            await storage.put_file(key, path, mime_type_of(key))
    except OSError as error:
        raise UnavailableError(f"The file could not be stored: {type(error).__name__}. Try again.") from error
    upload = Upload(key, token, size, sha256)
    await claims.record(upload)
    return upload


async def _check(claims: RemoteClaims, key: str, worker: RemoteWorker, token: str) -> None:
    parts = key.split("/")
    if not is_key(key) or len(parts) != 4 or not is_own(worker.id, token):
        raise NotFoundError(NO_CLAIM)
    granted = await claims.granted(parts[2], token)
    if granted is None or not key.startswith(granted) or _FILE.fullmatch(key[len(granted) :]) is None:
        raise NotFoundError(NO_CLAIM)


@asynccontextmanager
async def _spooled(chunks: AsyncIterator[bytes], settings: Settings) -> AsyncIterator[tuple[Path, int, str]]:
    """Bring a body into a temporary file: it must be whole before any of it appears in storage."""
    with tempfile.NamedTemporaryFile(prefix="emprops-upload-") as file:
        try:
            async with asyncio.timeout(settings.max_run_time):
                size, digest = await _write(chunks, file.file, settings)
        except TimeoutError:
            raise RequestTimeoutError(f"The file did not arrive within {settings.max_run_time:g} seconds.") from None
        yield Path(file.name), size, digest


async def _write(chunks: AsyncIterator[bytes], file: IO[bytes], settings: Settings) -> tuple[int, str]:
    digest, size, buffer = hashlib.sha256(), 0, bytearray()
    incoming = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(settings.body_timeout):
                chunk = await anext(incoming, None)
        except TimeoutError:
            raise RequestTimeoutError(f"Nothing came for {settings.body_timeout:g} seconds.") from None
        size += len(chunk or b"")
        if size > settings.gateway_file_bytes:
            raise TooLargeError(f"The file is larger than the {settings.gateway_file_bytes} bytes allowed here.")
        buffer += chunk or b""
        if len(buffer) >= BUFFER or chunk is None:
            await asyncio.to_thread(_append, file, digest, bytes(buffer))
            buffer.clear()
        if chunk is None:
            return size, digest.hexdigest()


def _append(file: IO[bytes], digest: "hashlib._Hash", piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)
    file.flush()
