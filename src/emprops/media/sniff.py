"""The type of a file by its first bytes. Names and headers lie; this has to be right about what we decode or serve.

What can run in a browser (HTML, SVG, XML, PDF) is named for what it is and has no extension to be served by
(``types.py``), so it is only ever a download.
"""

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"""What thumbnails are made of."""
DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
}
"""Videos and sounds, and the one FFmpeg demuxer that each may be read with."""

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
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
)
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"avif": "image/avif", b"heic": "image/heic"}


def sniff(head: bytes) -> str:
    """Tell the media type of a file from its first :data:`HEAD_BYTES` bytes; :data:`UNKNOWN` if it is none of ours."""
    for start, mime_type in _STARTS:
        if head.startswith(start):
            return mime_type
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return _text_type(head)


def _text_type(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else the last character is only cut off
            return UNKNOWN
        text = head[: error.start].decode("utf-8")
    if not text or any(character < " " and character not in "\t\n\r\f\x1b" for character in text):
        return UNKNOWN
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("#extm3u"):
        return "application/vnd.apple.mpegurl"
    if start.startswith("<"):
        if "<svg" in start:
            return "image/svg+xml"
        return "application/xml" if start.startswith("<?xml") and "<html" not in start else "text/html"
    return "application/json" if start.startswith(("{", "[")) else "text/plain"
