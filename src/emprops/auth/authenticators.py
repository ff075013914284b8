"""How a request's caller is found. One implementation per mode; ``main.py`` picks it once."""

from typing import Protocol
from uuid import UUID

from starlette.requests import HTTPConnection

from emprops.auth.caller import Caller
from emprops.errors import BadRequestError, UnauthorizedError
from emprops.settings import Settings

USER_ID_HEADERS = ("user_id", "user-id", "x-user-id")
"""The spec's spelling, and two that survive proxies which drop names with an underscore."""


class Authenticator(Protocol):
    """Finds the caller, or raises :class:`UnauthorizedError` (nobody) or :class:`BadRequestError` (nonsense)."""

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Say who is calling."""


class TrustedHeader:
    """Believes the ``user_id`` header (spec: Authentication). Right only where nobody else can send requests."""

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Read the header; several spellings may be sent as long as they agree."""
        values = {value.strip() for name in USER_ID_HEADERS for value in connection.headers.getlist(name)}
        if not values or values == {""}:
            raise UnauthorizedError("Unauthorized: missing user_id header")
        users = {_canonical(value) for value in values}
        if len(users) != 1:
            raise BadRequestError("Invalid user_id header: several values were sent")
        return Caller(user_id=users.pop())


def _canonical(value: str) -> UUID:
    """Read a UUID in its usual form only: other spellings would compare unequal elsewhere."""
    try:
        user_id = UUID(value)
    except ValueError:
        user_id = None
    if user_id is None or str(user_id) != value.lower():
        raise BadRequestError("Invalid user_id header")
    return user_id


def authenticator_for(settings: Settings) -> Authenticator:
    """Pick the implementation of the mode. Raises ``ValueError`` for a mode that cannot be served."""
    if settings.mode == "production":
        raise ValueError(
            "EMPROPS_MODE=production needs token authentication, which this version does not have yet."
            " Run with EMPROPS_MODE=local behind a gateway that sets the user_id header."
        )
    return TrustedHeader()
