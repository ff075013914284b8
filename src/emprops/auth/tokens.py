"""Bearer tokens (JSON Web Tokens, RFC 7519): checked here, made by the issuer; for development also made here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import jwt

from emprops.errors import UnauthorizedError

MAX_TOKEN = 8192
"""Longest token that is looked at, in characters."""
MAX_SUBJECT = 255
LEEWAY = 60.0
"""Seconds by which the clocks of issuer and api may differ."""
REQUIRED = ("exp", "sub", "iss", "aud")
TIMES = ("exp", "nbf", "iat")


class SigningKeys(Protocol):
    """Where the key comes from. A key brings its one algorithm; a token has no say in either."""

    async def find(self, kid: str | None) -> tuple[jwt.PyJWK | bytes, str] | None:
        """Return the key, and its algorithm; None if none has this id."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """One HS256 secret, known to the issuer and the api; ``kid`` has no meaning."""

    secret: bytes

    async def find(self, kid: str | None) -> tuple[bytes, str]:  # noqa: ARG002
        """Return the secret."""
        return self.secret, "HS256"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a valid token is about."""

    issuer: str
    id: str
    roles: frozenset[str] = field(default=frozenset(), compare=False)
    """What the token says that they may do."""


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks tokens of one issuer for one audience."""

    keys: SigningKeys
    issuer: str
    audience: str
    roles_in: Callable[[Mapping[str, Any]], frozenset[str]] = lambda claims: frozenset()  # noqa: ARG005
    """Reads the roles out of a token's claims."""

    async def verify(self, token: str) -> Subject:
        """Return whom the token is about. Raises :class:`UnauthorizedError`, with one sentence for every reason."""
        claims = await self.claims_of(token)
        return Subject(self.issuer, claims["sub"], self.roles_in(claims))

    async def claims_of(self, token: str) -> dict[str, Any]:
        """Return what a valid token claims. Raises :class:`UnauthorizedError`, with one sentence for every reason."""
        try:
            claims = await self._claims(token)
        except (jwt.PyJWTError, UnicodeError):
            claims = None
        subject = claims.get("sub") if claims else None
        if claims is None or not isinstance(subject, str) or not is_subject(subject):
            raise UnauthorizedError("The token is not valid.")
        return claims

    async def _claims(self, token: str) -> dict[str, Any] | None:
        if len(token) > MAX_TOKEN:
            return None
        header = jwt.get_unverified_header(token)
        found = await self.keys.find(header.get("kid"))
        if found is None or "crit" in header or "b64" in header:
            return None
        key, algorithm = found
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY,
            options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
        )
        # the library also takes times that are written as text, or as true
        numbers = all(type(claims[name]) in (int, float) for name in TIMES if name in claims)
        return claims if numbers else None


def is_subject(text: str) -> bool:
    """Return whether a text can be an issuer's name for a user."""
    return text.isprintable() and 0 < len(text) <= MAX_SUBJECT


def make_token(user_id: UUID, *, secret: str, issuer: str, audience: str, life: float) -> str:
    """Make a token for a user that holds ``life`` seconds."""
    now = int(time.time())
    claims = {"sub": str(user_id), "iss": issuer, "aud": audience, "iat": now, "exp": now + int(life)}
    return jwt.encode(claims, secret, algorithm="HS256")
