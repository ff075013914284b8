"""Files of workers on other machines: results on their way into storage, only under a live claim and its own name, and
inputs of what is claimed."""

import hashlib
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from redis.asyncio import Redis

from emprops.errors import BadRequestError, NotFoundError, UnavailableError
from emprops.gateway.identity import is_own
from emprops.gateway.service import RemoteWorker
from emprops.kit.storage import Storage, is_key
from emprops.kit.web.spooling import spooled
from emprops.media.result_links import ResultLinks
from emprops.media.storage import is_private
from emprops.media.types import mime_type_of
from emprops.queue.remote_claims import RemoteClaims, Upload
from emprops.settings import Settings

_STEP = re.compile(r"(generations/[^/]+/([^/]+))[-/](\d+-[^-/]+-)")
"""What a result's key begins with (``queue/messages.py: files_prefix``); workers of earlier versions make a folder for
each step."""
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

    Raises :class:`NotFoundError` without a claim that allows it, also if it lapsed meanwhile; what spooling raises,
    :class:`BadRequestError` for another checksum, and :class:`UnavailableError` when
    storage fails.
    """
    claims = RemoteClaims(redis, settings.queue_prefix)
    await _check(claims, key, worker, token)
    try:
        digest = hashlib.sha256()
        async with spooled(
            chunks,
            [digest],
            limit=settings.gateway_file_bytes,
            too_large=f"The file is larger than the {settings.gateway_file_bytes} bytes allowed here.",
            idle=settings.body_timeout,
            longest=settings.max_run_time,
        ) as (path, size):
            if digest.hexdigest() != sha256:
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


async def check_input(
    redis: Redis, results: ResultLinks, key: str, *, worker: RemoteWorker, step_id: str, token: str
) -> None:
    """Raise :class:`NotFoundError` unless the worker holds this step, and the step takes the file.

    One that is not for everybody it takes by a URL that was signed: a ticket that names the address of somebody's file
    opens nothing.
    """
    claims = RemoteClaims(redis, results.settings.queue_prefix)
    closed = is_private(key) or results.guards(key)
    if is_key(key) and is_own(worker.id, token):
        queries = await claims.named_with(step_id, token, key)
        if any(not closed or results.links.opens(key, dict(parse_qsl(query))) for query in queries):
            return
    raise NotFoundError("This worker has no claim on a step that takes this file.")


async def _check(claims: RemoteClaims, key: str, worker: RemoteWorker, token: str) -> None:
    step = _STEP.match(key)
    if not is_key(key) or step is None or not is_own(worker.id, token):
        raise NotFoundError(NO_CLAIM)
    granted = await claims.granted(step[2], token)
    if granted != f"{step[1]}-{step[3]}" or _FILE.fullmatch(key[step.end() :]) is None:
        raise NotFoundError(NO_CLAIM)
