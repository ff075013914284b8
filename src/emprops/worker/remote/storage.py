"""Storage as a remote worker sees it: results go to the api under a claim, inputs come from its public files, or under
the claim of the step that takes them if they are private."""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import httpx2
import orjson
import structlog

from emprops.connectors.base import FinalError
from emprops.kit.outbound import bodies
from emprops.kit.storage import FileStat, check_key, measure
from emprops.queue.messages import Claim
from emprops.queue.transport import WorkerRefusedError
from emprops.worker.remote.server import PATH, Server, ServerAwayError, ServerSaysNoError, away, client_options, data_of

log = structlog.get_logger(__name__)

IDLE_TIMEOUT = 60.0
CHUNK = 256 * 1024
PATIENCE = 120.0
"""Seconds for which an upload is tried again while the server is away. A claim that lapses meanwhile ends it before."""
LONGEST_PAUSE = 5.0


class RemoteStorage:
    """A :class:`~emprops.kit.storage.Storage` for the runs of one worker. Failures of the server are ``OSError``.

    ``claims`` gives what the worker holds: a file is stored under the claim whose results its key belongs to.
    """

    def __init__(self, server: Server, claims: Callable[[], Sequence[Claim]]) -> None:
        self.server = server
        self.claims = claims
        self._client = httpx2.AsyncClient(**client_options(server, IDLE_TIMEOUT))
        self._client.headers["accept-encoding"] = "identity"  # sizes and ranges are those of the files themselves

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def put_file(self, key: str, path: Path, mime_type: str) -> None:
        """Upload a file; the type is told by the key's extension."""
        del mime_type
        size, digest = await asyncio.to_thread(measure, path)
        await self._put(key, lambda: _read(path), size, digest)

    async def put_bytes(self, key: str, content: bytes, mime_type: str) -> None:
        """Upload bytes; the type is told by the key's extension."""
        del mime_type
        await self._put(key, lambda: _pieces(content), len(content), hashlib.sha256(content).hexdigest())

    async def size(self, key: str) -> int:
        """Return the size in bytes."""
        return (await self.stat(key)).size

    async def stat(self, key: str) -> FileStat:
        """Return size and version."""
        address, headers = self._place(key)
        try:
            response = await self._client.head(address, headers=headers)
        except httpx2.HTTPError as error:
            raise away(error) from error
        _check_found(key, response.status_code)
        return FileStat(int(response.headers["content-length"]), response.headers.get("etag", "").strip('"'))

    async def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        try:
            await self.stat(key)
        except FileNotFoundError:
            return False
        return True

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read a part in chunks."""
        if length == 0:
            return
        wanted = f"bytes={start}-{'' if length is None else start + length - 1}"
        part = {} if start == 0 and length is None else {"range": wanted}
        address, headers = self._place(key)
        try:
            async with self._client.stream("GET", address, headers=headers | part) as response:
                _check_found(key, response.status_code)
                if response.status_code != (206 if part else 200) or bodies.is_packed(response.headers):
                    raise ServerAwayError(f"The server did not send the file {key} as it was asked for.")
                async for chunk in response.aiter_raw(CHUNK):
                    yield chunk
        except httpx2.HTTPError as error:
            raise away(error) from error

    async def read(self, key: str) -> bytes:
        """Read the whole file."""
        return b"".join([chunk async for chunk in self.stream(key)])

    def local_path(self, key: str) -> Path | None:
        """Return None: the files are elsewhere."""
        check_key(key)
        return None

    async def signed_url(self, key: str) -> str | None:
        """Return None: files are read from the server."""
        check_key(key)
        return None

    async def upload_url(self, key: str, seconds: float) -> str | None:
        """Return None: results go through the server."""
        del seconds
        check_key(key)
        return None

    async def delete(self, key: str) -> None:
        """Refuse: a worker may add results, and nothing else."""
        raise PermissionError(f"a remote worker cannot delete {check_key(key)}")

    async def check(self) -> None:
        """See that the server answers."""
        await self.exists("health-check")

    def _place(self, key: str) -> tuple[str, dict[str, str]]:
        """Return where a file is read, and the headers that this takes: those of the claim of a step to which the file
        was given by a signed URL, which says that it is private."""
        needle = f"/files/{check_key(key)}?".encode()
        claim = next((claim for claim in self.claims() if needle in orjson.dumps(claim.ticket.payload)), None)
        if claim is None:
            return f"{self.server.url}/files/{key}", {}
        headers = {"worker-name": self.server.worker, "claim-token": claim.token}
        return f"{self.server.url}{PATH}files/{key}?step={claim.ticket.id}", headers

    async def _put(self, key: str, content: Callable[[], AsyncIterator[bytes]], size: int, digest: str) -> None:
        claim = next((claim for claim in self.claims() if check_key(key).startswith(claim.files_prefix)), None)
        if claim is None:
            raise PermissionError(f"{key} belongs to no claim that this worker holds")
        headers = {
            "worker-name": self.server.worker,
            "claim-token": claim.token,
            "content-sha256": digest,
            "content-length": str(size),
        }
        patient_until = time.monotonic() + PATIENCE
        pause = 0.25
        while True:
            try:
                await self._send(key, content(), headers)
                return
            except ServerSaysNoError:
                raise
            except ServerAwayError as error:
                if time.monotonic() > patient_until:
                    raise
                log.warning("upload failed", key=key, error=str(error))
            pause = min(LONGEST_PAUSE, 2 * pause)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _send(self, key: str, content: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        try:
            response = await self._client.put(f"{self.server.url}{PATH}files/{key}", content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise away(error) from error
        try:
            data_of(response.status_code, response.content)
        except WorkerRefusedError as error:
            raise PermissionError(str(error)) from error  # the loop hears of it by itself, and stops
        except ServerSaysNoError as error:
            if error.status == 413:
                raise FinalError(f"The result cannot be stored: {error.sentence}") from error
            raise


def _check_found(key: str, status: int) -> None:
    if status == 404:
        raise FileNotFoundError(f"there is no stored file {key}")
    if status not in (200, 206):
        raise ServerAwayError(f"The server answered {status} for the file {key}.")


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]
