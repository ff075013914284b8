"""The OpenID provider of the installation: where it sends people, and what it says of those who come back.

Authorisation code with PKCE (OpenID Connect Core 1.0, RFC 6749, RFC 7636). Authlib writes the requests and checks what
an ID token claims; they go through the guarded client, and signatures are checked like those of bearer tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from emprops.auth.jwks import IssuerKeys, from_url
from emprops.auth.role_names import roles_in
from emprops.auth.startup import is_safe_url
from emprops.auth.tokens import LEEWAY, Subject, TokenVerifier
from emprops.errors import UnauthorizedError
from emprops.kit.outbound.client import GuardedClient
from emprops.kit.remembered import Remembered
from emprops.kit.web.parts import Part
from emprops.sessions.oidc_attempts import Attempt
from emprops.settings import Settings

DISCOVERY = "/.well-known/openid-configuration"
CALLBACK = "/session/oidc/callback"
SCOPE = "openid email profile"
REMEMBER = 3600.0
"""Seconds for which is believed what the provider says of itself."""
MAX_ANSWER = 256 * 1024
TIMEOUT = 10.0
MAX_NAME = 200


class OidcError(Exception):
    """The provider said something that cannot be right; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    """Empty: it has none."""
    auth_method: str
    """How it wants the client's secret."""
    tokens: TokenVerifier


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider says."""

    subject: Subject
    name: str
    email: str
    """Empty, unless the provider has made sure that it is the user's."""


class OidcClient:
    """One per process. Its errors are :class:`OidcError`, and those of the guarded client."""

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer
        self._settings = settings
        self._redirect_uri = settings.base_url + CALLBACK
        self._http = GuardedClient(settings)
        self._provider: Remembered[OidcClient, Provider] = Remembered(OidcClient.discover, REMEMBER)

    async def close(self) -> None:
        """Close connections to the provider."""
        await self._http.close()

    async def discover(self) -> Provider:
        """Ask the provider about itself (OpenID Connect Discovery 1.0)."""
        found = await self._json("GET", self.issuer.rstrip("/") + DISCOVERY)
        if found.get("issuer") != self.issuer:
            raise OidcError(f"the provider calls itself {found.get('issuer')!r}, not {self.issuer!r}")
        keys = IssuerKeys(from_url(self._http, _endpoint(found, "jwks_uri")))
        return Provider(
            authorization_endpoint=_endpoint(found, "authorization_endpoint"),
            token_endpoint=_endpoint(found, "token_endpoint"),
            userinfo_endpoint=_endpoint(found, "userinfo_endpoint") if "userinfo_endpoint" in found else "",
            auth_method=self._auth_method(found),
            tokens=TokenVerifier(keys, self.issuer, self._settings.oidc_client_id),
        )

    def _auth_method(self, found: Mapping[str, Any]) -> str:
        if not self._settings.oidc_client_secret.get_secret_value():
            return "none"
        offered = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    async def url_for(self, attempt: Attempt) -> str:
        """Return where the browser goes to sign in."""
        provider = await self._provider.get(self)
        return str(
            prepare_grant_uri(
                provider.authorization_endpoint,
                self._settings.oidc_client_id,
                "code",
                redirect_uri=self._redirect_uri,
                scope=SCOPE,
                state=attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
            )
        )

    async def identity(self, code: str, attempt: Attempt) -> Identity:
        """Exchange the code that came back for who signed in."""
        provider = await self._provider.get(self)
        answer = await self._exchange(provider, code, attempt)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or not isinstance(access, str):
            raise OidcError("the provider answered without an ID token or an access token")
        claims = await self._checked(provider, token, access, attempt.nonce)
        if provider.userinfo_endpoint and not {"email", "name"} <= claims.keys():
            claims = {**await self._userinfo(provider, access, claims["sub"]), **claims}
        verified = claims.get("email_verified") is True
        return Identity(
            Subject(self.issuer, claims["sub"], roles_in(claims, self._settings)),
            name=_text(claims.get("name")),
            email=_text(claims.get("email")) if verified else "",
        )

    async def _exchange(self, provider: Provider, code: str, attempt: Attempt) -> Mapping[str, Any]:
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self._redirect_uri, code_verifier=attempt.verifier
        )
        secret = self._settings.oidc_client_secret.get_secret_value()
        client = ClientAuth(self._settings.oidc_client_id, secret, provider.auth_method)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        url, headers, body = client.prepare("POST", provider.token_endpoint, headers, body)
        return await self._json("POST", url, headers=headers, content=body.encode())

    async def _checked(self, provider: Provider, token: str, access: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token (Core, 3.1.3.7): signature, iss, aud, exp, and then nonce, azp, at_hash."""
        try:
            claims = await provider.tokens.claims_of(token)
            params = {"nonce": nonce, "client_id": self._settings.oidc_client_id, "access_token": access}
            CodeIDToken(claims, jwt.get_unverified_header(token), params=params).validate(leeway=int(LEEWAY))
        except (UnauthorizedError, JoseError) as error:
            raise OidcError(f"the ID token is not valid: {error}") from error
        return claims

    async def _userinfo(self, provider: Provider, access: str, subject: str) -> Mapping[str, Any]:
        found = await self._json("GET", provider.userinfo_endpoint, headers={"authorization": f"Bearer {access}"})
        if found.get("sub") != subject:
            raise OidcError("the provider tells about another user than the ID token")
        return found

    async def _json(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Mapping[str, Any]:
        answer = await self._http.request(
            method,
            url,
            headers={"accept": "application/json", **(headers or {})},
            content=content,
            max_bytes=MAX_ANSWER,
            timeout=TIMEOUT,
        )
        try:
            found = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            found = None
        if answer.status != 200 or not isinstance(found, dict):
            why = found.get("error") if isinstance(found, dict) else None
            raise OidcError(f"{urlsplit(url).path} answered {answer.status} ({_text(why) or 'no reason'})")
        return found


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise OidcError(f"the provider's {name} is no https:// URL")
    return url


def _text(value: Any) -> str:
    """Return a claim that is shown, if it is a text that can be."""
    return value[:MAX_NAME] if isinstance(value, str) and value.isprintable() else ""


def oidc_from(settings: Settings) -> OidcClient | None:
    """Return the client of the provider that the settings name; None if they name none."""
    return OidcClient(settings) if settings.oidc_issuer else None


OIDC: Part[OidcClient | None] = Part("oidc")
"""The installation's provider, if it has one."""
