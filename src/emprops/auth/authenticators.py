"""How a request's caller is found. One implementation per mode; ``main.py`` picks it once.

In both modes an ``X-API-Key`` says which service calls, and a Bearer token which user. Clients of other APIs can send
nothing but a Bearer token, so an API key is taken there too. Without either, local mode believes the ``user_id``
header. Last comes the cookie of a session: browsers add it by themselves, while headers were chosen by who asks.
"""

import re
from dataclasses import replace
from typing import Protocol
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import HTTPConnection

from emprops.auth import store
from emprops.auth.caller import READ, SERVICE, Caller
from emprops.auth.cookie_caller import by_cookie
from emprops.auth.identity_header import canonical_uuid, claimed_user
from emprops.auth.keys import KeyRing, contains_key, looks_like_key
from emprops.auth.limits import LIMITER
from emprops.auth.reading import may_read_with
from emprops.auth.session_cookie import has_cookie
from emprops.auth.sign_ins import SignIns
from emprops.auth.startup import check_settings
from emprops.auth.subjects import Users
from emprops.auth.verifier import verifier_from
from emprops.errors import BadRequestError, ForbiddenError, UnauthorizedError
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.web.endpoint import resources_of
from emprops.kit.web.parts import Part
from emprops.settings import Settings

CREDENTIAL_PARAMETERS = frozenset({"apikey", "xapikey", "accesstoken", "jwt", "idtoken", "bearer"})
ENDED = "The session has ended; sign in again."
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.")
"""How a JSON Web Token begins: two JSON objects in base64."""
_PUNCTUATION = re.compile(r"[^a-z0-9]")


class Authenticator(Protocol):
    """Finds the caller, or raises one of the errors below.

    :class:`UnauthorizedError`: nobody, or an identity that is not accepted. :class:`BadRequestError`: nonsense.
    :class:`ForbiddenError`: a key that may not do this.
    """

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Say who is calling."""

    async def by_headers(self, connection: HTTPConnection) -> Caller | None:
        """Return who is calling by headers alone; None if they say nothing."""

    async def close(self) -> None:
        """Let go of what it holds open."""


class Credentials:
    """What both modes accept in headers: API keys and tokens."""

    def __init__(self, settings: Settings) -> None:
        self._client = GuardedClient(settings)
        self._verifier = verifier_from(settings, self._client)
        self._keys = KeyRing()
        self._users = Users()
        self._sign_ins = SignIns()

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """Find the caller by key or token; None if the request has neither."""
        caller = await self._proven(connection)
        if caller is not None:
            await self._sign_ins.note(caller, resources_of(connection).database)
        return caller

    async def _proven(self, connection: HTTPConnection) -> Caller | None:
        refuse_credentials_in_url(connection)
        keys, tokens = connection.headers.getlist("x-api-key"), connection.headers.getlist("authorization")
        if not keys and len(tokens) == 1 and (key := key_in(tokens[0])) is not None:
            keys, tokens = [key], []
        verifier = self._verifier
        if keys and tokens and verifier is not None:
            raise BadRequestError("Send a token (Authorization) or an API key (X-API-Key), not both.")
        if len(keys) > 1 or len(tokens) > 1:
            raise BadRequestError("X-API-Key and Authorization may be sent once.")
        if keys:
            return caller_of_key(await self._key(keys[0], connection), connection)
        if tokens and verifier is not None:
            subject = await verifier.verify(bearer_token(tokens[0]))
            user_id = await self._users.of(subject, resources_of(connection).database)
            return Caller(user_id=user_id, roles=subject.roles)
        return None

    async def _key(self, text: str, connection: HTTPConnection) -> store.ApiKey:
        """Check a key. Guesses are limited by address; keys that were valid a moment ago are not held up by them."""
        if not self._keys.proven(text):
            await LIMITER.of(connection).check_guesses(connection)
        try:
            return await self._keys.check(text, resources_of(connection).database)
        except UnauthorizedError:
            if self._keys.is_guess(text):
                await LIMITER.of(connection).count_guess(connection)
            raise

    async def close(self) -> None:
        """Close connections to the token issuer."""
        await self._client.close()


class TrustedHeader:
    """Believes the ``user_id`` header. Right only where nobody else can send requests."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Read key or token, else the header, else the cookie."""
        caller = await self.by_headers(connection) or await by_cookie(connection)
        if caller is None:
            raise UnauthorizedError(ENDED if has_cookie(connection) else "Unauthorized: missing user_id header")
        return caller

    async def by_headers(self, connection: HTTPConnection) -> Caller | None:
        """Read key or token, else the header; several spellings may be sent as long as they agree."""
        caller = await self._credentials.identify(connection)
        if caller is not None:
            return caller
        user_id = claimed_user(connection) or named_user(connection)
        return None if user_id is None else Caller(user_id=user_id, believed=True)

    async def close(self) -> None:
        """Let go of what it holds open."""
        await self._credentials.close()


class Proven:
    """Believes keys, tokens and sessions only; what a client says about itself in headers means nothing."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def identify(self, connection: HTTPConnection) -> Caller:
        """Read key or token, else the cookie."""
        caller = await self.by_headers(connection) or await by_cookie(connection)
        if caller is None:
            missing = "Unauthorized: send a Bearer token, or the X-API-Key of a service."
            raise UnauthorizedError(ENDED if has_cookie(connection) else missing)
        return caller

    async def by_headers(self, connection: HTTPConnection) -> Caller | None:
        """Read key or token."""
        return await self._credentials.identify(connection)

    async def close(self) -> None:
        """Let go of what it holds open."""
        await self._credentials.close()


def caller_of_key(key: store.ApiKey, connection: HTTPConnection) -> Caller:
    """Return what a valid key makes of its sender; only the scope ``service`` may act for users it names."""
    scopes = frozenset(key.scopes)
    sender = Caller(user_id=None, scopes=scopes, key_id=key.id, key_prefix=key.prefix)
    if SERVICE in scopes:
        user_id = claimed_user(connection) or key.owner_user_id
        return replace(sender, user_id=user_id, is_service=True)
    if READ in scopes:
        # what a WebSocket would change is refused message by message (live/commands.py)
        if connection.scope["type"] == "http" and not may_read_with(connection):
            raise ForbiddenError("This API key may only read; changing something takes a key with the scope service.")
        return replace(sender, user_id=key.owner_user_id, is_service=key.owner_user_id is None)
    return sender


def bearer_token(authorization: str) -> str:
    """Take the token out of the header. Raises :class:`UnauthorizedError`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthorizedError("The token is not valid.")
    return token.strip()


def key_in(authorization: str) -> str | None:
    """Return the API key that was sent as Bearer token; None if the header has something else."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and looks_like_key(token) else None


def named_user(connection: HTTPConnection) -> UUID | None:
    """Return the user whose id was sent as Bearer token, by a client that can send nothing else; to be believed no more
    than the ``user_id`` header."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return canonical_uuid(token.strip()) if scheme.lower() == "bearer" else None


def refuse_credentials_in_url(connection: HTTPConnection) -> None:
    """Raise :class:`BadRequestError` for keys and tokens in the URL, where logs and histories keep them."""
    query = connection.scope.get("query_string", b"").decode("latin-1")
    if not query:
        return
    for name, value in parse_qsl(query, keep_blank_values=True):
        if _PUNCTUATION.sub("", name.lower()) in CREDENTIAL_PARAMETERS or contains_key(value) or _TOKEN.search(value):
            raise BadRequestError(
                "API keys and tokens do not belong in the URL: send them as X-API-Key or Authorization header,"
                " and replace this one, as it may have been logged."
            )


def authenticator_for(settings: Settings) -> Authenticator:
    """Pick the implementation of the mode. Raises ``SettingsError`` for settings that must not be served."""
    check_settings(settings)
    credentials = Credentials(settings)
    return Proven(credentials) if settings.mode == "production" else TrustedHeader(credentials)


AUTHENTICATOR: Part[Authenticator] = Part("authenticator")
