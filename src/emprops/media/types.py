"""Which stored files a browser may show, told by the extension that the server chose for the key."""

from pathlib import PurePosixPath

INLINE = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".weba": "audio/webm",
    ".mka": "audio/x-matroska",
    ".aac": "audio/aac",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
"""Nothing in this list can run script. SVG, HTML, XML, PDF and all that is unknown are downloads."""

DOWNLOAD = "application/octet-stream"

_EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/ogg": ".ogv",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/webm": ".weba",
    "audio/x-matroska": ".mka",
    "audio/aac": ".aac",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "text/plain": ".txt",
    "application/json": ".json",
    "model/gltf-binary": ".glb",
    "model/gltf+json": ".gltf",
    "model/obj": ".obj",
    "model/stl": ".stl",
    "model/vnd.usdz+zip": ".usdz",
}


def served_type(key: str) -> str:
    """Return the Content-Type a stored file is served with."""
    return INLINE.get(PurePosixPath(key).suffix.lower(), DOWNLOAD)


def mime_type_of(key: str) -> str:
    """Return the media type of a stored file, without parameters."""
    return served_type(key).partition(";")[0]


def extension_of(mime_type: str) -> str:
    """Return the extension for a new key, with its dot; ``.bin`` for types that are only ever downloaded."""
    return _EXTENSIONS.get(mime_type.partition(";")[0].strip().lower(), ".bin")
