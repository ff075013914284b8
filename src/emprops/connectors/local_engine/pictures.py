"""Opening input pictures safely, and writing PNG."""

import io
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from emprops.connectors.base import BadInputError, RunContext
from emprops.kit.pixels import as_rgb

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
MAX_PIXELS = 64_000_000
MAX_BYTES = 50 * 1024 * 1024


async def fetch_picture(context: RunContext, field: str, address: str) -> Path:
    """Bring the picture that a payload field names to this machine."""
    try:
        path, _ = await context.fetch(address, max_bytes=MAX_BYTES)
    except BadInputError as error:
        raise BadInputError(f"{field}: {error.message}", details=error.details) from error
    return path


def open_picture(path: Path, field: str) -> Image.Image:
    """Decode a picture, upright, as RGB or RGBA in sRGB. Its size is checked before a pixel is decoded."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadInputError(
                    f"{field} is {picture.width} × {picture.height} pixels; at most {MAX_PIXELS // 10**6} megapixels "
                    "are taken."
                )
            picture.load()
            return as_rgb(ImageOps.exif_transpose(picture))
    # Pillow's own limit comes first: an error, or a warning that a strict process turns into one.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInputError(f"{field} is larger than {MAX_PIXELS // 10**6} megapixels.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadInputError(f"{field} must be a sound {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture.") from error


def to_png(picture: Image.Image, level: int = 4) -> bytes:
    """Encode as PNG without times or other metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()
