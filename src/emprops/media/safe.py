"""Files of users made safe to keep: what they are by content, and pictures upright and without metadata."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from emprops.media import probe
from emprops.media.sniff import HEIF, PICTURES, UNKNOWN, sniff_file
from emprops.media.types import DOWNLOAD


class DamagedPictureError(Exception):
    """A picture cannot be decoded; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class SafeFile:
    """A file as it may be kept."""

    path: Path
    """The file that was given, or one in the folder that takes its place."""
    mime_type: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None


async def made_safe(path: Path, folder: Path, *, keep_metadata: bool) -> SafeFile:
    """Find out what a file is, and make a picture safe: decoded by a process with little memory and time, turned
    upright, without metadata unless they are to be kept. HEIF becomes JPEG then.

    ``folder`` takes what is made of it. Raises :class:`DamagedPictureError`.
    """
    whole, mime_type = await asyncio.to_thread(sniff_file, path)
    if mime_type not in PICTURES:
        facts = await probe.probe(path, folder)
        found = facts.mime_type or (DOWNLOAD if mime_type == UNKNOWN else mime_type)
        return SafeFile(path, found, facts.width, facts.height, facts.duration)
    target = folder / "clean"
    kind = "heif" if mime_type in HEIF else "picture"
    said = await probe.ask(f"clean-{kind}", "keep" if keep_metadata else "-", whole, target)
    if "error" in said:
        raise DamagedPictureError(said["error"])
    made = target if await asyncio.to_thread(target.is_file) else path
    return SafeFile(made, said["mime_type"] or mime_type, said["width"], said["height"])
