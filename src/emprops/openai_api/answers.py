"""What a finished job is in OpenAI's API: its pictures, as URLs or within the answer, or as events."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.responses import Response, StreamingResponse

from emprops.errors import UnavailableError
from emprops.jobs.queries import JobDetail
from emprops.kit.storage import Storage
from emprops.kit.web.endpoint import Resources
from emprops.media.storage import key_of
from emprops.openai_api.failures import GenerationFailedError
from emprops.openai_api.inputs import PICTURE

FORMATS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp", "image/gif": "gif"}
MOST_IN_EVENT: Final = 64 * 1024 * 1024
"""Bytes of a picture within an event, which is whole in memory; of a larger one the event has only the URL."""
PIECE: Final = 1024 * 1024
NO_USAGE: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""Clients expect it; what was paid, the job says in credits."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a job made."""

    url: str
    mime_type: str
    key: str | None
    """Where it is stored; None: elsewhere."""
    size: int
    """Bytes."""
    path: Path | None = None
    """Where it is on this machine, converted; its URL shows it as it is stored."""


async def pictures_of(resources: Resources, job: JobDetail) -> list[Picture]:
    """Return the pictures of a job that has ended. Raises :class:`GenerationFailedError` if there are none."""
    if job.status != "completed":
        raise GenerationFailedError(f"The generation failed: {job.error_message or 'no reason was given'}")
    found = []
    for file in _files(job):
        key = key_of(resources.settings, file["url"])
        try:
            size = 0 if key is None else await resources.storage.size(key)
        except FileNotFoundError:
            key, size = None, 0
        except OSError as error:
            raise UnavailableError("The pictures cannot be read just now. Try again.") from error
        found.append(Picture(file["url"], file.get("mime_type") or "", key, size))
    if not found:
        raise GenerationFailedError("The generation has completed, and made no picture.")
    return found


def _files(job: JobDetail) -> list[dict[str, Any]]:
    outputs = orjson.loads(job.data).get("outputs")
    results = outputs if isinstance(outputs, list) else []
    files = [file for one in results if isinstance(one, dict) for file in one.get("files") or ()]
    found = [file for file in files if str(file.get("mime_type") or "").startswith(PICTURE)]
    return found or ([{"url": job.workflow_output}] if job.workflow_output and not files else [])


def answer(resources: Resources, job: JobDetail, pictures: Sequence[Picture], wanted: str | None) -> Response:
    """Answer with pictures: by ``url``, within the answer (``b64_json``), or both. Those within it are read while they
    are sent, so an answer takes no memory of its size."""
    about = {"created": created(job), "job_id": job.id, "output_format": FORMATS.get(pictures[0].mime_type)}
    head = orjson.dumps({name: value for name, value in about.items() if value is not None})
    parts = [head[:-1] + b',"data":[', *_parts(pictures, wanted), b"]}"]
    length = sum(len(part) if isinstance(part, bytes) else encoded_length(part.size) for part in parts)
    return StreamingResponse(
        _written(resources.storage, parts), headers={"Content-Length": str(length)}, media_type="application/json"
    )


def _parts(pictures: Sequence[Picture], wanted: str | None) -> list[bytes | Picture]:
    parts: list[bytes | Picture] = []
    for number, picture in enumerate(pictures):
        inside = picture.key is not None and wanted != "url"
        parts.append(b"{" if number == 0 else b",{")
        if inside:
            parts += [b'"b64_json":"', picture, b'"']
        if not inside or (wanted is None and picture.path is None):
            parts.append((b"," if inside else b"") + b'"url":' + orjson.dumps(picture.url))
        parts.append(b"}")
    return parts


async def _written(storage: Storage, parts: Sequence[bytes | Picture]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            async for piece in encoded(storage, part):
                yield piece


async def encoded(storage: Storage, picture: Picture) -> AsyncIterator[bytes]:
    """Read a picture in base64."""
    left = b""
    async for chunk in storage.stream(picture.key or "") if picture.path is None else _read(picture.path):
        whole = left + chunk
        cut = len(whole) - len(whole) % 3
        left = whole[cut:]
        yield base64.b64encode(whole[:cut])
    yield base64.b64encode(left)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def encoded_length(size: int) -> int:
    """Return how many characters so many bytes are in base64."""
    return (size + 2) // 3 * 4


def created(job: JobDetail) -> int:
    """Return when a job has ended, in Unix seconds."""
    return int((job.completed_at or job.updated_at).timestamp())


def event_of(kind: str, at: int, mime_type: str, **more: Any) -> dict[str, Any]:
    """Return what events about pictures have in common."""
    chosen = {"background": "auto", "quality": "auto", "size": "auto"}
    return {"type": kind, "created_at": at, "output_format": FORMATS.get(mime_type, "png"), **chosen, **more}


def job_id_of(started: bytes) -> UUID:
    """Return the job that a request has started."""
    return UUID(orjson.loads(started)["job_id"])
