"""Files in an S3 bucket, or in anything that speaks its protocol."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from emprops.kit.storage import FileStat, check_key, prove
from emprops.media.types import DOWNLOAD, served_type

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

WINDOW = 4 * 1024 * 1024
"""Bytes per read request: each is short, so that no overall time-out cuts a large file off."""
PART = 5 * 1024 * 1024
"""Bytes per part of a large upload."""
PARTS_AT_ONCE = 4
"""Parts on their way at one time; each is in memory until it has arrived."""
SIGNED_FOR = timedelta(hours=1)


class S3Storage:
    """A :class:`~emprops.kit.storage.Storage` in one bucket. Failures of the service are ``OSError``.

    ``endpoint`` is empty for AWS; credentials come from ``AWS_ACCESS_KEY_ID`` and its relatives, or the machine's role.
    """

    def __init__(self, bucket: str, *, endpoint: str = "", region: str = "") -> None:
        place: S3Config = {"virtual_hosted_style_request": not endpoint, "disable_bulk_delete": True}
        if endpoint:
            place["endpoint"] = endpoint
        if region:
            place["region"] = region
        self.store = S3Store(
            bucket,
            config=place,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "120s", "connect_timeout": "5s"},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        )

    async def put_file(self, key: str, path: Path, mime_type: str) -> None:
        """Upload a file, in parts if it is large; the type is told by the key's extension."""
        del mime_type
        await self._put(key, path)

    async def put_bytes(self, key: str, content: bytes, mime_type: str) -> None:
        """Upload bytes; the type is told by the key's extension."""
        del mime_type
        await self._put(key, content)

    async def _put(self, key: str, content: Path | bytes) -> None:
        kind = served_type(key)  # not what the maker says: a signed URL of the object must not be an HTML page
        attributes = {"Content-Type": kind}
        if kind == DOWNLOAD:
            attributes["Content-Disposition"] = "attachment"
        try:
            await obstore.put_async(
                self.store,
                check_key(key),
                content,
                attributes=attributes,
                chunk_size=PART,
                max_concurrency=PARTS_AT_ONCE,
            )
        except BaseError as error:
            raise _os_error("write", key, error) from error

    async def size(self, key: str) -> int:
        """Return the size in bytes."""
        return (await self.stat(key)).size

    async def stat(self, key: str) -> FileStat:
        """Return size and version."""
        try:
            meta = await obstore.head_async(self.store, check_key(key))
        except BaseError as error:
            raise _os_error("find", key, error) from error
        etag = (meta["e_tag"] or meta["last_modified"].isoformat()).strip('"')
        return FileStat(meta["size"], etag, meta["last_modified"])

    async def exists(self, key: str) -> bool:
        """Return whether there is such an object."""
        try:
            await self.stat(key)
        except FileNotFoundError:
            return False
        return True

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Read a part, window by window."""
        size = await self.size(key)
        end = size if length is None else min(size, start + length)
        while start < end:
            stop = min(start + WINDOW, end)
            try:
                chunk = bytes(await obstore.get_range_async(self.store, key, start=start, end=stop))
            except BaseError as error:
                raise _os_error("read", key, error) from error
            yield chunk
            start = stop

    async def read(self, key: str) -> bytes:
        """Read the whole object."""
        return b"".join([chunk async for chunk in self.stream(key)])

    def local_path(self, key: str) -> Path | None:
        """Return None: the bucket is elsewhere."""
        check_key(key)
        return None

    async def signed_url(self, key: str) -> str | None:
        """Return a URL that reads the object for an hour."""
        return await obstore.sign_async(self.store, "GET", check_key(key), SIGNED_FOR)

    async def upload_url(self, key: str, seconds: float) -> str | None:
        """Return a URL to which the object can be PUT."""
        return await obstore.sign_async(self.store, "PUT", check_key(key), timedelta(seconds=seconds))

    async def delete(self, key: str) -> None:
        """Remove the object."""
        try:
            await obstore.delete_async(self.store, check_key(key))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _os_error("delete", key, error) from error

    async def check(self) -> None:
        """Store, read and remove an object."""
        await prove(self)


def _os_error(verb: str, key: str, error: BaseError) -> OSError:
    return OSError(f"object storage could not {verb} {key}: {type(error).__name__}")
