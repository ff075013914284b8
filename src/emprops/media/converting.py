"""Pictures in another format than they are stored in, made by a process with little memory and time."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from emprops.media import probe
from emprops.media.safe import DamagedPictureError
from emprops.media.sniff import HEIF, sniff_file


@dataclass(frozen=True, slots=True)
class Format:
    """How a picture is to be written."""

    mime_type: str
    """``image/png``, ``image/jpeg`` or ``image/webp``."""
    quality: int | None = None
    """0 to 100; None: without loss."""

    def how(self) -> str:
        """Return it as the process is told."""
        name = self.mime_type.rpartition("/")[2].upper()
        return name if self.quality is None else f"{name}:{self.quality}"


async def converted(path: Path, target: Path, wanted: Format) -> None:
    """Write a picture to ``target`` as wanted: upright, in sRGB, without metadata; of one that moves, the first frame;
    on white where the format knows no transparency. Raises :class:`~emprops.media.safe.DamagedPictureError`."""
    _, mime_type = await asyncio.to_thread(sniff_file, path)
    kind = "heif" if mime_type in HEIF else "picture"
    said = await probe.ask(f"convert-{kind}", wanted.how(), path, target)
    if "error" in said:
        raise DamagedPictureError(said["error"])
