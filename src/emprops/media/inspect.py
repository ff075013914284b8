"""Looks into a picture, video or sound, in a process of its own: ``python -m emprops.media.inspect``.

Decoders of foreign files are where memory is corrupted and filled. This process may die of that: it has little memory
and time, opens few files, and is told what the file is, so that no decoder is chosen by the file's own words.
``probe.py`` starts it: ``inspect picture|video DEMUXER PATH THUMBNAIL``. It writes one line of JSON and, if there is
something to see, a WebP file at THUMBNAIL.
"""

import contextlib
import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000
MEMORY = 1536 * 1024 * 1024
SECONDS = 20
MAX_THUMBNAIL_BYTES = 16 * 1024 * 1024
MAX_OPEN_FILES = 64
THUMBNAIL_SIDE = 640
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class UnreadableError(Exception):
    """The file is damaged, too large, or not what it seems; the sentence says which."""


def main(kind: str, demuxer: str, path: str, thumbnail: str) -> None:
    """Look into one file."""
    confine()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        facts = look_at_picture(path, thumbnail) if kind == "picture" else look_at_video(path, demuxer, thumbnail)
    except UnreadableError as error:
        facts = {"error": str(error)}
    except MemoryError:
        facts = {"error": "The file takes too much memory to read."}
    sys.stdout.write(json.dumps(facts))


def confine() -> None:
    """Take away what a decoder does not need."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: MAX_THUMBNAIL_BYTES,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS knows no RLIMIT_AS
            resource.setrlimit(what, (most, most))


def look_at_picture(path: str, thumbnail: str) -> dict[str, Any]:
    """Measure a picture as it is seen, upright, and make a small one of its first frame."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            check_size(width, height)
            if picture.format == "JPEG":
                picture.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
            turned = picture.getexif().get(0x0112, 1) >= 5
            picture.load()
            save_small(ImageOps.exif_transpose(picture), thumbnail)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableError(f"The picture is larger than {MAX_PIXELS // 10**6} megapixels.") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        raise UnreadableError(f"The picture is damaged: {str(error)[:200] or type(error).__name__}") from None
    return {"width": height if turned else width, "height": width if turned else height}


def look_at_video(path: str, demuxer: str, thumbnail: str) -> dict[str, Any]:
    """Measure a video or sound, and make a small picture of a frame near its start."""
    try:
        # only this demuxer, and only files: a playlist that poses as a video must lead nowhere
        with av.open(path, format=demuxer, options={"protocol_whitelist": "file"}) as container:
            duration = None if container.duration is None else max(container.duration, 0) / av.time_base
            if not container.streams.video:
                return {"duration": duration}
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            check_size(stream.codec_context.width, stream.codec_context.height)
            if container.duration:
                container.seek(container.duration // 10)
            frame = next(container.decode(stream), None)
            if frame is None:
                raise UnreadableError("The video has no frame that can be shown.")
            check_size(frame.width, frame.height)
            picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
            if frame.rotation:
                picture = picture.rotate(frame.rotation, expand=True)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UnreadableError(f"The file is damaged: {str(error)[:200]}") from None
    width, height = picture.size
    save_small(picture, thumbnail)
    return {"width": width, "height": height, "duration": duration}


def check_size(width: int, height: int) -> None:
    """Refuse to decode what would fill the memory."""
    if width <= 0 or height <= 0:
        raise UnreadableError("The file says it has no size.")
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"{width} × {height} pixels are more than {MAX_PIXELS // 10**6} megapixels.")


def save_small(picture: Image.Image, thumbnail: str) -> None:
    """Save a picture of at most :data:`THUMBNAIL_SIDE` pixels a side, without metadata."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    small = picture if picture.mode == mode else picture.convert(mode)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), reducing_gap=2.0)
    with Path(thumbnail).open("wb") as target:
        small.save(target, "WEBP", quality=80, method=4)


if __name__ == "__main__":
    main(*sys.argv[1:])
