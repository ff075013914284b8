"""Writes a picture in another format: upright, in sRGB, without metadata; of one that moves, the first frame.

Runs in the process that ``inspect.py`` confines.
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from emprops.kit.pixels import as_rgb, flat
from emprops.media.inspect_clean import FORMATS
from emprops.media.inspect_heif import read_heif
from emprops.media.thumbnail import check_size


def convert_picture(path: str, target: str, how: str) -> dict[str, Any]:
    """Convert what Pillow reads. ``how``: ``PNG``, ``JPEG:90`` or ``WEBP:90``. Raises what Pillow says of damaged
    ones."""
    with Image.open(path, formats=tuple(FORMATS)) as picture:
        check_size(*picture.size)
        picture.load()
        return _written(ImageOps.exif_transpose(picture), target, how)


def convert_heif(path: str, target: str, how: str) -> dict[str, Any]:
    """Convert a HEIF picture."""
    return _written(read_heif(path), target, how)


def _written(picture: Image.Image, target: str, how: str) -> dict[str, Any]:
    form, _, quality = how.partition(":")
    options: dict[str, Any] = {"quality": int(quality)} if quality else {"compress_level": 3}
    if form == "JPEG":
        options["subsampling"] = 0
    with Path(target).open("wb") as file:
        (flat(picture) if form == "JPEG" else as_rgb(picture)).save(file, form, **options)
    return {"mime_type": FORMATS[form]}
