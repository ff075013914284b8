"""How the caller is found by the cookie of a session."""

from starlette.requests import HTTPConnection

from emprops.auth.caller import Caller
from emprops.auth.limits import LIMITER
from emprops.auth.reading import may_read_with
from emprops.auth.session_cookie import changes_something, is_from_foreign_page, is_from_own_page, secret_in
from emprops.auth.session_store import Session
from emprops.auth.sessions import SESSIONS, caller_of
from emprops.errors import ForbiddenError
from emprops.kit.web.endpoint import resources_of

FOREIGN_PAGE = "By cookie, only pages of this api may change something; programs send a key or a token."
LOOKS_ONLY = "This session may only look; changing something takes another sign-in."


async def by_cookie(connection: HTTPConnection) -> Caller | None:
    """Find the caller by the cookie of a session; None if there is none, if it has ended, or if another origin's page
    asks. Raises :class:`ForbiddenError` for what would change something and must not."""
    secret = secret_in(connection)
    if secret is None:
        return None
    base_url = resources_of(connection).settings.base_url
    if changes_something(connection):
        if not is_from_own_page(connection, base_url):
            raise ForbiddenError(FOREIGN_PAGE)
    elif is_from_foreign_page(connection, base_url):
        return None
    session = await _find(secret, connection)
    if session is None or not session.live:
        return None
    if session.reads_only and connection.scope["type"] == "http" and not may_read_with(connection):
        raise ForbiddenError(LOOKS_ONLY)
    return caller_of(session)


async def _find(secret: str, connection: HTTPConnection) -> Session | None:
    """Find a session. Wrong secrets are counted, and held up, together with wrong keys."""
    sessions = SESSIONS.of(connection)
    if not sessions.proven(secret):
        await LIMITER.of(connection).check_guesses(connection)
    session = await sessions.find(secret, resources_of(connection).database)
    if session is None and sessions.is_guess(secret):
        await LIMITER.of(connection).count_guess(connection)
    return session
