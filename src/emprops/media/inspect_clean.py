"""Makes a picture safe to keep and to hand on: decoded once, upright, without metadata.

Runs in the process that ``inspect.py`` confines.
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from emprops.media.inspect_heif import read_heif
from emprops.media.metadata import DamagedError, without_metadata
from emprops.media.thumbnail import check_size

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif", "AVIF": "image/avif"}
ORIENTATION = 0x0112
SAVING: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 3},
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 90, "speed": 8},
    "WEBP": {"quality": 95},
}


def clean_picture(path: str, target: str, *, keep: bool) -> dict[str, Any]:
    """Decode the picture; write it to ``target`` upright and without metadata, unless it is so or they are to be kept.

    Returns its type and its size in pixels. Raises what Pillow says of damaged ones.
    """
    with Image.open(path, formats=tuple(FORMATS)) as picture:
        check_size(*picture.size)
        kind = "JPEG" if picture.format == "MPO" else str(picture.format)  # several JPEGs in one file, by phones
        picture.load()
        upright = picture if keep else _upright(picture, kind, path, target)
        return {"mime_type": FORMATS[kind], "width": upright.width, "height": upright.height}


def _upright(picture: Image.Image, kind: str, path: str, target: str) -> Image.Image:
    moves = kind != "JPEG" and getattr(picture, "n_frames", 1) > 1
    turned = picture.getexif().get(ORIENTATION, 1) not in (0, 1) and not moves
    tells = bool(picture.info.get("exif") or picture.info.get("xmp"))
    if turned or (kind == "AVIF" and tells and not moves):
        return _written_anew(picture, kind, path, target)
    content = Path(path).read_bytes()
    try:
        stripped = without_metadata(FORMATS[kind], content)
    except (DamagedError, IndexError):  # Pillow is more forgiving
        return _written_anew(picture, kind, path, target)
    if stripped != content:
        Path(target).write_bytes(stripped)
    return picture


def _written_anew(picture: Image.Image, kind: str, path: str, target: str) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    options = SAVING.get(kind, {}) | ({"lossless": True} if kind == "WEBP" and _is_lossless(path) else {})
    upright.save(target, kind, icc_profile=picture.info.get("icc_profile"), exif=b"", xmp=b"", **options)
    return upright


def _is_lossless(path: str) -> bool:
    with Path(path).open("rb") as file:
        return b"VP8L" in file.read(4096)


def clean_heif(path: str, target: str, *, keep: bool) -> dict[str, Any]:
    """Do the same of a HEIF picture, which becomes a JPEG: hardly anything that takes pictures takes it."""
    picture = read_heif(path)
    if keep:
        return {"mime_type": None, "width": picture.width, "height": picture.height}
    picture.save(target, "JPEG", icc_profile=picture.info.get("icc_profile"), **SAVING["JPEG"])
    return {"mime_type": "image/jpeg", "width": picture.width, "height": picture.height}
