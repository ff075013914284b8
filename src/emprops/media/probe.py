"""What a file is: its type by content, its size and duration, and a small picture of it."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path

import orjson

from emprops.media.sniff import DEMUXERS, HEAD_BYTES, PICTURES, sniff

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
    path, mime_type = await asyncio.to_thread(_look, path)
    if mime_type in PICTURES:
        return await _inspect(mime_type, "picture", "-", path, folder / "thumbnail.webp", timeout)
    if mime_type in DEMUXERS:
        return await _inspect(mime_type, "video", DEMUXERS[mime_type], path, folder / "thumbnail.webp", timeout)
    return Facts(mime_type=None if mime_type == "application/octet-stream" else mime_type)


def _look(path: Path) -> tuple[Path, str]:
    with path.open("rb") as file:
        return path.resolve(), sniff(file.read(HEAD_BYTES))


async def _inspect(mime_type: str, kind: str, demuxer: str, path: Path, thumbnail: Path, timeout: float) -> Facts:
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
        return Facts(mime_type=mime_type, error="The file takes too long to read.")
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        said = orjson.loads(answer)
        return Facts(
            mime_type=mime_type,
            width=said.get("width"),
            height=said.get("height"),
            duration=said.get("duration"),
            thumbnail=thumbnail if "error" not in said and await asyncio.to_thread(thumbnail.is_file) else None,
            error=said.get("error"),
        )
    except orjson.JSONDecodeError:
        return Facts(mime_type=mime_type, error="The file takes too much memory or time to read.")
