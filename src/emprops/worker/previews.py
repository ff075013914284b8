"""Making a look at the work small enough for the heartbeat to carry."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

from emprops.kit.pixels import flat
from emprops.kit.text import storable
from emprops.queue import bounds
from emprops.queue.messages import MAX_PREVIEW_BYTES, Preview

MAX_INPUT_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 32_000_000
"""Larger pictures are not looked at: a preview is not worth the memory."""
SIDE = 512
QUALITIES = (80, 60, 40)


def made_small(content: bytes | str, mime_type: str, node: str) -> Preview | None:
    """Make a preview of at most :data:`MAX_PREVIEW_BYTES`; None for what is neither text nor a readable picture.

    Of a long text, the end is kept. A small JPEG or PNG stays as it is; all other pictures become JPEG with sides of at
    most :data:`SIDE` pixels.
    """
    node = bounds.line(node, bounds.MAX_NODE)
    if mime_type == "text/plain":
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        return Preview(_end_of(text), mime_type, node) if text else None
    if isinstance(content, str) or len(content) > MAX_INPUT_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP", "GIF", "AVIF")) as image:
                return _of_picture(image, content, node)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # half a frame, or no picture at all: the next one will do


def _of_picture(image: Image.Image, content: bytes, node: str) -> Preview | None:
    if image.width * image.height > MAX_PIXELS:
        return None
    kind = Image.MIME.get(image.format or "", "")
    image.draft("RGB", (SIDE, SIDE))
    image.load()
    if max(image.size) <= SIDE and len(content) <= MAX_PREVIEW_BYTES and kind in ("image/jpeg", "image/png"):
        return Preview(content, kind, node)
    small = flat(image)
    small.thumbnail((SIDE, SIDE))
    for quality in QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= MAX_PREVIEW_BYTES:
            return Preview(buffer.getvalue(), "image/jpeg", node)
    return None


def _end_of(text: str) -> bytes:
    raw = storable(text[-MAX_PREVIEW_BYTES:]).encode()[-MAX_PREVIEW_BYTES:]
    return raw.decode("utf-8", "ignore").encode()  # a character that was cut in two is left out
