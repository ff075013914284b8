"""The cookie of a session: its name, how it is set, and from which pages it counts.

Browsers send cookies along by themselves, so a page of another site could act with them. Three things keep it from
that: ``SameSite=Strict``, the checks of ``Sec-Fetch-Site`` and ``Origin`` here, and CORS without credentials.
"""

import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from emprops.auth.session_store import LONGEST
from emprops.auth.startup import is_loopback
from emprops.kit.web.origin import SAFE_METHODS

COOKIE = "__Host-emprops"
"""Over https. Browsers take the prefix only with Secure, Path=/ and without Domain, so no sub-domain can set it."""
LOOPBACK_COOKIE = "emprops"
"""On this machine, where there is no https."""
STATE_COOKIE = "-oidc"
"""Ending of the name of the cookie that a browser has while it is away to sign in."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def secret_in(connection: HTTPConnection) -> str | None:
    """Return the secret in the cookie that came with a request; None without one that can be ours."""
    value = connection.cookies.get(_name(connection), "")
    return value if _SECRET.fullmatch(value) else None


def has_cookie(connection: HTTPConnection) -> bool:
    """Return whether a cookie of ours came with a request, whatever is in it."""
    return _name(connection) in connection.cookies


def set_cookie(connection: HTTPConnection, response: Response, secret: str) -> None:
    """Have the browser keep a session's secret, out of reach of scripts."""
    name = _name(connection)
    response.set_cookie(
        name,
        secret,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=name == COOKIE,
        httponly=True,
        samesite="strict",
    )


def clear_cookie(connection: HTTPConnection, response: Response) -> None:
    """Have the browser forget the session's secret."""
    name = _name(connection)
    response.delete_cookie(name, path="/", secure=name == COOKIE, httponly=True, samesite="strict")


def keep_browser(connection: HTTPConnection, response: Response, value: str, life: int) -> None:
    """Have the browser keep what shows that it began a sign-in, for some seconds. ``lax``, as it comes back from the
    provider's site."""
    name = _name(connection)
    response.set_cookie(
        name + STATE_COOKIE,
        value,
        max_age=life,
        path="/",
        secure=name == COOKIE,
        httponly=True,
        samesite="lax",
    )


def kept_browser(connection: HTTPConnection) -> str | None:
    """Return that again; None without one that can be ours."""
    value = connection.cookies.get(_name(connection) + STATE_COOKIE, "")
    return value if _SECRET.fullmatch(value) else None


def clear_browser(connection: HTTPConnection, response: Response) -> None:
    """Have the browser forget it."""
    name = _name(connection)
    response.delete_cookie(name + STATE_COOKIE, path="/", secure=name == COOKIE, httponly=True, samesite="lax")


def is_from_own_page(connection: HTTPConnection, base_url: str) -> bool:
    """Return whether a page of this very origin sent the request: what a request must prove that changes something."""
    site = connection.headers.get("sec-fetch-site")
    if connection.scope["type"] == "http" and site is not None:
        return site == "same-origin"
    return site in (None, "same-origin") and _has_own_origin(connection, base_url)


def is_from_foreign_page(connection: HTTPConnection, base_url: str) -> bool:
    """Return whether a page of another origin sent the request. Programs, and people who type an address, are none."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    return "origin" in connection.headers and not _has_own_origin(connection, base_url)


def changes_something(connection: HTTPConnection) -> bool:
    """Return whether a request may change something: a WebSocket takes commands."""
    return connection.scope["type"] == "websocket" or connection.scope["method"] not in SAFE_METHODS


def _has_own_origin(connection: HTTPConnection, base_url: str) -> bool:
    """Return whether ``Origin`` is the host that the request is for, or the public one behind a proxy."""
    origin = urlsplit_of(connection.headers.get("origin", ""))
    own = {connection.headers.get("host", "").lower(), urlsplit_of(base_url)[1].lower()}
    return origin[0] in ("https", "http") and origin[1].lower() in own - {""}


def urlsplit_of(url: str) -> tuple[str, str]:
    """Return scheme and host with port; two empty texts for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _name(connection: HTTPConnection) -> str:
    """Return the cookie's name: by the host that the request is for, as a proxy may have taken https off."""
    host = urlsplit_of(f"//{connection.headers.get('host', '')}")[1]
    return LOOPBACK_COOKIE if is_loopback(urlsplit(f"//{host}").hostname or "") else COOKIE
