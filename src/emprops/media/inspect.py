"""Looks into a picture, video or sound, in a process of its own: ``python -m emprops.media.inspect``.

Decoders of foreign files are where memory is corrupted and filled. This process may die of that: it has little memory
and time, opens few files, and is told what the file is, so that no decoder is chosen by the file's own words.
``probe.py`` starts it: ``inspect picture|heif|video|kind DEMUXER PATH THUMBNAIL``. It writes one line of JSON and, if
there is something to see, a WebP file at THUMBNAIL. ``inspect clean-picture|clean-heif keep|- PATH TARGET`` makes a
picture safe instead (``inspect_clean.py``), ``inspect convert-picture|convert-heif JPEG:90 PATH TARGET`` converts it
(``inspect_convert.py``).
"""

import contextlib
import json
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import AvifImagePlugin, Image, ImageOps, UnidentifiedImageError

from emprops.media.inspect_clean import FORMATS, clean_heif, clean_picture
from emprops.media.inspect_convert import convert_heif, convert_picture
from emprops.media.inspect_heif import look_at_heif
from emprops.media.inspect_video import look_at_video, streams_of
from emprops.media.thumbnail import MAX_PIXELS, SIDE, UnreadableError, check_size, save_small

MEMORY = 1536 * 1024 * 1024
SECONDS = 20
MAX_THUMBNAIL_BYTES = 16 * 1024 * 1024
MAX_PICTURE_BYTES = 512 * 1024 * 1024
MAX_OPEN_FILES = 64


def main(kind: str, demuxer: str, path: str, thumbnail: str) -> None:
    """Look into one file."""
    confine(MAX_PICTURE_BYTES if kind.startswith(("clean", "convert")) else MAX_THUMBNAIL_BYTES)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        facts = look(kind, demuxer, path, thumbnail)
    except UnreadableError as error:
        facts = {"error": str(error).replace(path, "the file")}
    except MemoryError:
        facts = {"error": "The file takes too much memory to read."}
    sys.stdout.write(json.dumps(facts))


def look(kind: str, demuxer: str, path: str, thumbnail: str) -> dict[str, Any]:
    """Look into a file of that kind. Raises :class:`UnreadableError`."""
    if kind == "picture":
        return look_at_picture(path, thumbnail)
    if kind == "heif":
        return look_at_heif(path, thumbnail)
    if kind.startswith(("clean-", "convert-")):
        with damage_told():
            return rewrite(kind, demuxer, path, thumbnail)
    return streams_of(path, demuxer) if kind == "kind" else look_at_video(path, demuxer, thumbnail)


def rewrite(kind: str, how: str, path: str, target: str) -> dict[str, Any]:
    """Make another picture of one. Raises :class:`UnreadableError`, and what Pillow says of damaged ones."""
    if kind.startswith("convert-"):
        return (convert_heif if kind == "convert-heif" else convert_picture)(path, target, how)
    return (clean_heif if kind == "clean-heif" else clean_picture)(path, target, keep=how == "keep")


def confine(most_written: int = MAX_THUMBNAIL_BYTES) -> None:
    """Take away what a decoder does not need; ``most_written``: bytes of the file that it makes."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_FSIZE: most_written,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS knows no RLIMIT_AS
            resource.setrlimit(what, (most, most))


def look_at_picture(path: str, thumbnail: str) -> dict[str, Any]:
    """Measure a picture as it is seen, upright, and make a small one of its first frame."""
    with damage_told(), Image.open(path, formats=tuple(FORMATS)) as picture:
        width, height = picture.size
        check_size(width, height)
        if picture.format == "JPEG":
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        picture.load()
        turned = picture.getexif().get(0x0112, 1) >= 5
        save_small(ImageOps.exif_transpose(picture), thumbnail)
    return {"width": height if turned else width, "height": width if turned else height}


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Turn what Pillow says of a damaged picture into :class:`UnreadableError`."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableError(f"The picture is larger than {MAX_PIXELS // 10**6} megapixels.") from None
    except UnidentifiedImageError:
        raise UnreadableError("The picture is damaged, or of a kind that cannot be read here.") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        raise UnreadableError(f"The picture is damaged: {str(error)[:200] or type(error).__name__}") from None


if __name__ == "__main__":
    main(*sys.argv[1:])
