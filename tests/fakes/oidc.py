"""An OpenID provider that holds clients to PKCE, and tells lies if a test wants some."""

import base64
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "console", "a secret/with: signs+"
KEY, ANOTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
KID = "k1"


@dataclass
class FakeProvider:
    """``base`` is set once it is served; ``claims`` is who signs in, and the rest what it does differently."""

    base: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "anna"})
    userinfo: dict[str, Any] | None = None
    token: dict[str, Any] = field(default_factory=dict)
    """Claims of the ID token that replace what is right; None: without it."""
    answer: dict[str, Any] = field(default_factory=dict)
    """The same of what the token endpoint answers."""
    metadata: dict[str, Any] = field(default_factory=dict)
    key: Any = "own"
    """``own``, ``another``, or what else it signs with."""
    algorithm: str = "RS256"
    status: int = 200
    back: dict[str, str] = field(default_factory=dict)
    """Parameters that replace those with which it sends browsers back."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    """How clients proved who they are."""

    async def discover(self, _: Request) -> Response:
        found = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys",
            **({"userinfo_endpoint": f"{self.base}/userinfo"} if self.userinfo is not None else {}),
        }
        return JSONResponse(found | self.metadata, status_code=self.status)

    async def keys(self, _: Request) -> Response:
        public = orjson.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return JSONResponse({"keys": [public | {"kid": KID, "use": "sig", "alg": "RS256"}]})

    async def authorize(self, request: Request) -> Response:
        """Sign in at once, as somebody who is signed in here already."""
        asked = dict(request.query_params)
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.base} | self.back
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def exchange(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        asked = self.codes.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.secrets.append(
            request.headers.get("authorization", form.get("client_secret", f"-{form.get('client_id')}"))
        )
        now = int(time.time())
        claims = {"iss": self.base, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims = {name: value for name, value in (claims | self.claims | self.token).items() if value is not None}
        signed_with = {"own": KEY, "another": ANOTHER}.get(self.key, self.key)
        token = jwt.encode(claims, signed_with, algorithm=self.algorithm, headers={"kid": KID})
        answer = {"access_token": "access", "token_type": "Bearer", "id_token": token} | self.answer
        return JSONResponse({name: value for name, value in answer.items() if value is not None})

    async def tell(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer access"
        return JSONResponse(self.userinfo)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discover),
                Route("/keys", self.keys),
                Route("/authorize", self.authorize),
                Route("/token", self.exchange, methods=["POST"]),
                Route("/userinfo", self.tell),
            ]
        )
