"""How an output is shown, and what its page may load. Pure.

A video with a playback id gets Mux's player; any other one the browser's own; an image is an image, text is text, and
what a browser should not open is a link.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from emprops.media.storage import FILES, key_of
from emprops.media.types import DOWNLOAD, served_type
from emprops.settings import Settings

Kind = Literal["mux", "video", "image", "audio", "text", "file", "pending", "failed"]

_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")
MUX = {
    "script-src": ("'self'",),
    "connect-src": ("https://*.mux.com",),
    "img-src": ("https://*.mux.com", "data:"),
    "media-src": ("https://*.mux.com", "blob:"),
    "worker-src": ("blob:",),
    "style-src": ("'unsafe-inline'",),  # the player writes style elements into its shadow roots
}
"""What the player needs beyond the page itself. It sends no statistics: the page switches them off."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as a page loads it: a path of ours, or a URL elsewhere with its origin."""

    address: str
    origin: str | None = None


def kind_of(status: str, mime_type: str | None, url: str | None, playback_id: str | None) -> Kind:
    """Decide how an output is shown."""
    if status != "completed" or url is None:
        return "failed" if status == "failed" else "pending"
    family = (mime_type or "").partition("/")[0].lower()
    if family == "video":
        return "mux" if playback_id else "video"
    if family == "image":
        return "file" if (mime_type or "").lower().startswith("image/svg") else "image"
    if family == "audio":
        return "audio"
    return "text" if family == "text" or mime_type == "application/json" else "file"


def source_of(settings: Settings, url: str | None) -> Source | None:
    """Say how a page refers to a file; None for a URL that no page should (not http, or no plain host).

    Our own files are named by path, so that pages work under whichever name the api was reached.
    """
    if url is None:
        return None
    key = key_of(settings, url)
    if key is not None:
        query = urlsplit(url).query  # a signature, if there is one
        return Source(f"{settings.base_path}{FILES}{key}{query and f'?{query}'}")
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return None
    return Source(url, origin) if _ORIGIN.fullmatch(origin) else None


def is_shown(settings: Settings, url: str | None) -> bool:
    """Return whether one of our files is of a type that is served to be looked at."""
    key = key_of(settings, url) if url else None
    return key is None or served_type(key) != DOWNLOAD


def policy(kinds: Sequence[Kind], sources: Sequence[Source | None], *, framed_by: str = "'none'") -> str:
    """Return the Content-Security-Policy of a page that shows these: itself, the origins of files, Mux if it plays."""
    origins = sorted({source.origin for source in sources if source is not None and source.origin})
    rules: dict[str, list[str]] = {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", *origins],
        "media-src": ["'self'", *origins],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": [framed_by],
    }
    if "mux" in kinds:
        for name, added in MUX.items():
            rules.setdefault(name, []).extend(added)
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())
