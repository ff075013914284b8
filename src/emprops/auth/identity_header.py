"""The ``user_id`` header: how it is read, and how a client's is kept out of production.

Proxies and frameworks disagree on how header names are spelled: a name that one layer strips in one spelling reaches
the next in another. So production removes every name that could be read as this one, before anything looks at it.
"""

import re
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from emprops.errors import BadRequestError

USER_ID_HEADERS = ("user_id", "user-id", "x-user-id")
"""The spec's spelling, and two that survive proxies which drop names with an underscore."""

_SPELLINGS = frozenset(name.encode() for name in USER_ID_HEADERS)
_ANY_SPELLING = re.compile(rb"x*userid")
_NOT_A_LETTER = re.compile(rb"[^a-z0-9]")
_CLAIMED = "claimed_user"


class IdentityFilter:
    """ASGI middleware, outermost in production: no client's ``user_id`` header reaches the application.

    What the readable spellings said is set aside; :func:`claimed_user` gives it to those who know that a service sent
    it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without the header."""
        if scope["type"] in ("http", "websocket"):
            claims = _values(Headers(scope=scope))
            kept = [(name, value) for name, value in scope["headers"] if not names_user(name)]
            scope = {**scope, "headers": kept, "state": {**scope.get("state", {}), _CLAIMED: claims}}
        await self.app(scope, receive, send)


def names_user(header: bytes) -> bool:
    """Return whether a header's name is ``user_id`` in any spelling."""
    return _ANY_SPELLING.fullmatch(_NOT_A_LETTER.sub(b"", header.lower())) is not None


def claimed_user(connection: HTTPConnection) -> UUID | None:
    """Read whom the request says it is for; whether that is to be believed is the caller's affair.

    Several spellings may be sent as long as they agree. Raises :class:`BadRequestError` for anything but one UUID.
    """
    values = _values(connection.headers) | connection.scope.get("state", {}).get(_CLAIMED, set())
    if not values or values == {""}:
        return None
    users = {_canonical(value) for value in values}
    if len(users) != 1:
        raise BadRequestError("Invalid user_id header: several values were sent")
    return users.pop()


def _values(headers: Headers) -> set[str]:
    return {value.decode("latin-1").strip() for name, value in headers.raw if name.lower() in _SPELLINGS}


def canonical_uuid(value: str) -> UUID | None:
    """Read a UUID in its usual form only: other spellings would compare unequal elsewhere."""
    try:
        found = UUID(value)
    except ValueError:
        return None
    return found if str(found) == value.lower() else None


def _canonical(value: str) -> UUID:
    user_id = canonical_uuid(value)
    if user_id is None:
        raise BadRequestError("Invalid user_id header")
    return user_id
