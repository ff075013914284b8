"""The type of a file by its first bytes. Names and headers lie; this has to be right about what we decode or serve.

What can run in a browser (HTML, SVG, XML, PDF) is named for what it is and has no extension to be served by
(``types.py``), so it is only ever a download.
"""

import re
from pathlib import Path

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"

HEIF = frozenset({"image/heic", "image/heif"})
PICTURES = HEIF | {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"}
"""What thumbnails are made of."""
DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
}
"""Videos and sounds, and the one FFmpeg demuxer that each may be read with."""
AS_SOUND = {
    "video/mp4": "audio/mp4",
    "video/quicktime": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
}
"""Containers that can hold both: what they are with nothing but sound in them."""
AS_VIDEO = {"audio/mp4": "video/mp4", "audio/ogg": "video/ogg"}
"""What sounds are that hold moving pictures after all."""

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
)
_ANY_START = tuple(start for start, _ in _STARTS)
_SOUNDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_CODED = {
    **dict.fromkeys((b"avif", b"avis", b"avio"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
}
"""Brands that say how a picture is coded; one of :data:`_STILLS` alone leaves that open."""
_STILLS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})

_BINARY = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Control characters that no text has. Terminals' output has escapes."""


def sniff_file(path: Path) -> tuple[Path, str]:
    """Return the whole path of a file, and its type as :func:`sniff` says it."""
    with path.open("rb") as file:
        return path.resolve(), sniff(file.read(HEAD_BYTES))


def sniff(head: bytes) -> str:
    """Return the media type of a file from its first :data:`HEAD_BYTES` bytes, or :data:`UNKNOWN`."""
    if head.startswith(_ANY_START):
        return next(mime_type for start, mime_type in _STARTS if head.startswith(start))
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return _text_type(head)


def _by_brand(head: bytes) -> str:
    """Return what a file of ISO 14496-12 is by its brands, the main one and the compatible ones. Whether there is a
    video in it, or only sound, is not said by them."""
    end = max(16, min(int.from_bytes(head[:4], "big"), len(head)))
    main, compatible = head[8:12], [head[at : at + 4] for at in range(16, end - 3, 4)]
    if main == b"qt  ":
        return "video/quicktime"
    for brand in (main, *compatible):
        if brand in _CODED:
            return _CODED[brand]
    if main in _STILLS or not _STILLS.isdisjoint(compatible):
        return "image/heif"
    return "audio/mp4" if main in _SOUNDS else "video/mp4"


def _text_type(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else the last character is only cut off
            return UNKNOWN
        text = head[: error.start].decode("utf-8")
    if not text or _BINARY.search(text):
        return UNKNOWN
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("#extm3u"):
        return "application/vnd.apple.mpegurl"
    if start.startswith("<"):
        if "<svg" in start:
            return "image/svg+xml"
        return "application/xml" if start.startswith("<?xml") and "<html" not in start else "text/html"
    return "application/json" if start.startswith(("{", "[")) else "text/plain"
