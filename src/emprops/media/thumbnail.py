"""The small picture of a file, and what every look into a file shares."""

from pathlib import Path

from PIL import Image

from emprops.kit.pixels import as_rgb

MAX_PIXELS = 64_000_000
SIDE = 512


class UnreadableError(Exception):
    """The file is damaged, too large, or not what it seems; the sentence says which."""


def check_size(width: int, height: int) -> None:
    """Refuse to decode what would fill the memory."""
    if width <= 0 or height <= 0:
        raise UnreadableError("The file says it has no size.")
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"{width} × {height} pixels are more than {MAX_PIXELS // 10**6} megapixels.")


def save_small(picture: Image.Image, thumbnail: str) -> None:
    """Save a picture of at most :data:`SIDE` pixels a side as sRGB WebP without metadata."""
    small = as_rgb(picture)
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    with Path(thumbnail).open("wb") as target:
        small.save(target, "WEBP", quality=80, method=4)
