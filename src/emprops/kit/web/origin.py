"""Which pages may talk to the api. To one that trusts a plain header only those of this machine (DNS rebinding,
drive-by posts) and of origins that are named; to any other, pages of named origins (CORS)."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from emprops.errors import AppError, BadRequestError, ForbiddenError
from emprops.settings import Settings, SettingsError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})
ANY = "*"
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:\d{1,5})?")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SHOWN_HEADERS = (
    "Accept-Ranges",
    "Asset-Id",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "Tus-Resumable",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Offset",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)
"""Headers of replies that a page may read, beyond those that browsers show anyway."""
REMEMBER_PREFLIGHT = 3600
"""Seconds for which a browser need not ask again."""


class RequestGuard:
    """Refuses URLs with NUL characters everywhere and, in local and test mode, unknown hosts and foreign origins."""

    def __init__(self, settings: Settings) -> None:
        self.strict = settings.mode != "production"
        self.hosts = LOCAL_HOSTS | {_host_of(settings.base_url)}
        self.origins = named_origins(settings)

    def __call__(self, scope: Scope) -> AppError | None:
        """Say why a request is refused, or None."""
        if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
            return BadRequestError("The URL contains a NUL character (%00).")
        if not self.strict:
            return None
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or _host_of(f"//{headers['host']}") not in self.hosts:
            return BadRequestError(
                "Invalid Host header: in local mode this api answers to localhost, 127.0.0.1 and the host of"
                " EMPROPS_PUBLIC_URL only."
            )
        origin = headers.get("origin")
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        known = origin is None or _host_of(origin) in self.hosts or origin in self.origins
        if unsafe and not known:
            return ForbiddenError(
                "Requests from pages of other sites are refused in local mode, unless EMPROPS_CORS_ORIGINS names them."
            )
        return None


@lru_cache(maxsize=256)
def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def named_origins(settings: Settings) -> frozenset[str]:
    """Read ``Settings.cors_origins``. Raises :class:`SettingsError` for what is no origin, or lets too many in."""
    origins = frozenset(filter(None, (part.strip().rstrip("/") for part in settings.cors_origins.split(","))))
    for origin in origins - {ANY}:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"EMPROPS_CORS_ORIGINS: {origin!r} is no origin; write scheme, host and port only, in lower case, such"
                " as https://app.example.com or http://localhost:5173."
            )
    if ANY in origins and settings.mode != "production":
        raise SettingsError(
            "EMPROPS_CORS_ORIGINS=* would let every page that is opened on this machine act as any user, because"
            f" {settings.mode} mode believes the user_id header: name the origins."
        )
    return origins


def let_pages_read(app: FastAPI, origins: frozenset[str]) -> None:
    """Answer preflights from anyone, and let pages of these origins read what they get.

    Without credentials: cookies are for pages of this origin, so another's has to send its token or key itself.
    """
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(origins),
        allow_methods=METHODS,
        allow_headers=[ANY],
        expose_headers=SHOWN_HEADERS,
        max_age=REMEMBER_PREFLIGHT,
    )
