"""Who may talk to an api that trusts a plain header: pages of this machine only (DNS rebinding, drive-by posts)."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from emprops.errors import AppError, BadRequestError, ForbiddenError
from emprops.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})


class RequestGuard:
    """Refuses URLs with NUL characters everywhere and, in local and test mode, unknown hosts and foreign origins."""

    def __init__(self, settings: Settings) -> None:
        self.strict = settings.mode != "production"
        self.hosts = LOCAL_HOSTS | {_host_of(settings.base_url)}

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
        if unsafe and origin is not None and _host_of(origin) not in self.hosts:
            return ForbiddenError("Requests from pages of other sites are refused in local mode.")
        return None


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
