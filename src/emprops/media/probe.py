"""What a file is: its type by content, its size and duration, and a small picture of it."""

import asyncio
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from emprops.media.sniff import AS_SOUND, AS_VIDEO, DEMUXERS, HEAD_BYTES, HEIF, PICTURES, UNKNOWN, sniff, sniff_file

CHILD = "emprops.media.inspect"
TIMEOUT = 30.0
"""Seconds; the child's own limit of CPU time comes first."""
MAX_ANSWER = 16 * 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a file."""

    mime_type: str | None = None
    """By content; None: it is nothing we know."""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, of video and sound."""
    thumbnail: Path | None = None
    """A WebP file in the folder given: the picture itself, or a frame of the video."""
    error: str | None = None
    """Why nothing more was found, as a sentence."""


async def probe(path: Path, folder: Path, *, timeout: float = TIMEOUT) -> Facts:
    """Look into a file; ``folder`` takes the thumbnail. Nothing a file contains makes this raise."""
    path, mime_type = await asyncio.to_thread(sniff_file, path)
    thumbnail = folder / "thumbnail.webp"
    if mime_type in PICTURES:
        said = await _ask("heif" if mime_type in HEIF else "picture", "-", path, thumbnail, timeout)
        if mime_type == "image/avif" and "error" in said:  # what Pillow cannot read of it, FFmpeg may
            again = await _ask("heif", "-", path, thumbnail, timeout)
            said = said if "error" in again else again
    elif mime_type in DEMUXERS:
        said = await _ask("video", DEMUXERS[mime_type], path, thumbnail, timeout)
    else:
        return Facts(mime_type=None if mime_type == UNKNOWN else mime_type)
    return Facts(
        mime_type=_by_streams(mime_type, said),
        width=said.get("width"),
        height=said.get("height"),
        duration=said.get("duration"),
        thumbnail=thumbnail if "error" not in said and await asyncio.to_thread(thumbnail.is_file) else None,
        error=said.get("error"),
    )


async def media_type_of(content: Path | bytes, *, timeout: float = TIMEOUT) -> str | None:
    """Return the media type of a picture, video or sound by its content, which is surer than what its maker says. None
    for everything else."""
    if isinstance(content, bytes):
        mime_type = sniff(content[:HEAD_BYTES])
    else:
        content, mime_type = await asyncio.to_thread(sniff_file, content)
    if mime_type in AS_SOUND or mime_type in AS_VIDEO:
        said = await _streams_in(content, mime_type, timeout)
        return _by_streams(mime_type, said)
    return mime_type if mime_type in PICTURES or mime_type in DEMUXERS else None


async def _streams_in(content: Path | bytes, mime_type: str, timeout: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="emprops-media-", ignore_cleanup_errors=True) as name:
        path = Path(name) / "file"
        if isinstance(content, bytes):
            await asyncio.to_thread(path.write_bytes, content)
        else:
            path = content
        return await _ask("kind", DEMUXERS[mime_type], path, Path(name) / "unused", timeout)


def _by_streams(mime_type: str, said: Mapping[str, Any]) -> str:
    """Return which type a file has: it tells videos from sounds in containers that can hold both."""
    if said.get("video") is False and said.get("sound"):
        return AS_SOUND.get(mime_type, mime_type)
    return AS_VIDEO.get(mime_type, mime_type) if said.get("video") else mime_type


async def ask(kind: str, how: str, path: Path, target: Path) -> dict[str, Any]:
    """Have a process work on a file, and return what it says; what it makes is at ``target``."""
    return await _ask(kind, how, path, target, TIMEOUT)


async def _ask(kind: str, demuxer: str, path: Path, thumbnail: Path, timeout: float) -> dict[str, Any]:
    """Have a process look into a file, and return what it says."""
    # an environment of its own: a decoder that is taken over finds no secret in it
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-m", CHILD, kind, demuxer, str(path), str(thumbnail)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        env={},
        cwd=thumbnail.parent,
    )
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    try:
        async with asyncio.timeout(timeout):
            answer = await child.stdout.read(MAX_ANSWER)
            await child.wait()
    except TimeoutError:
        return {"error": "The file takes too long to read."}
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        said: dict[str, Any] = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return {"error": "The file takes too much memory or time to read."}
    return said
