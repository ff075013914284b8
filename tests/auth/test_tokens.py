"""Tokens: which are believed, and everything that is not, answered alike."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.auth.conftest import ANNA, BERT, OpenApi
from tests.auth.tokens import SECRET, Pair, b64, claims, good, hs, key_set, token, unsigned

from emprops.auth.store import add_identity
from emprops.auth.tokens import SharedSecret, TokenVerifier, make_token
from emprops.errors import UnauthorizedError
from emprops.kit.database import Database


def now() -> int:
    return int(time.time())


HS = {"alg": "HS256"}
DEEP = b"[" * 3000 + b"]" * 3000


async def whoami(client: httpx2.AsyncClient, text: str, **headers: str) -> httpx2.Response:
    return await client.get("/whoami", headers={"Authorization": f"Bearer {text}", **headers})


async def assert_refused(client: httpx2.AsyncClient, text: str) -> None:
    for path in ("/whoami", "/open"):
        response = await client.get(path, headers={"Authorization": f"Bearer {text}"})
        assert response.status_code == 401, path
        body = response.json()
        assert (body["error"], body["code"]) == ("The token is not valid.", "unauthorized")
        assert set(body) == {"data", "error", "code", "request_id"}


GOOD: dict[str, Callable[[], str]] = {
    "plain": good,
    "audience in a list": lambda: good(aud=["other", "emprops"]),
    "expired within the leeway": lambda: good(exp=now() - 30),
    "not yet valid within the leeway": lambda: good(nbf=now() + 30, iat=now() + 30),
    "times with fractions": lambda: good(exp=now() + 600.5),
    "kid means nothing to a secret": lambda: token({**HS, "kid": "../../dev/null"}, claims(), hs()),
    "upper-case user": lambda: good(sub=str(ANNA).upper()),
    "no typ": lambda: token({**HS, "typ": "at+jwt"}, claims(), hs()),
}

FORGED: dict[str, Callable[[], str]] = {
    "none": lambda: token({"alg": "none"}, claims(), unsigned),
    "None": lambda: token({"alg": "None"}, claims(), unsigned),
    "nOnE with a signature": lambda: token({"alg": "nOnE"}, claims(), hs()),
    "no algorithm": lambda: token({}, claims(), hs()),
    "algorithm of another type": lambda: token({"alg": ["HS256"]}, claims(), hs()),
    "HS512": lambda: token({"alg": "HS512"}, claims(), hs(digest="sha512")),
    "RS256 named, HS256 signed": lambda: token({"alg": "RS256"}, claims(), hs()),
    "another secret": lambda: token(HS, claims(), hs("x" * 32)),
    "empty secret": lambda: token(HS, claims(), hs("")),
    "no signature": lambda: good().rpartition(".")[0] + ".",
    "another payload": lambda: ".".join([good().split(".")[0], b64(b'{"sub":"x"}'), good().split(".")[2]]),
    "exp missing": lambda: good(exp=...),
    "exp null": lambda: good(exp=None),
    "exp past": lambda: good(exp=now() - 120),
    "exp as text": lambda: good(exp=str(now() + 600)),
    "exp true": lambda: good(exp=True),
    "exp infinite": lambda: token(HS, b'{"sub":"a","iss":"emprops","aud":"emprops","exp":1e400}', hs()),
    "exp not a number": lambda: token(HS, b'{"sub":"a","iss":"emprops","aud":"emprops","exp":NaN}', hs()),
    "aud missing": lambda: good(aud=...),
    "aud another": lambda: good(aud="emprops2"),
    "aud a prefix": lambda: good(aud="empro"),
    "aud others": lambda: good(aud=["a", "b"]),
    "aud empty": lambda: good(aud=[]),
    "aud nested": lambda: good(aud={"emprops": 1}),
    "iss missing": lambda: good(iss=...),
    "iss another": lambda: good(iss="elsewhere"),
    "iss a part": lambda: good(iss="emp"),
    "iss in a list": lambda: good(iss=["emprops"]),
    "sub missing": lambda: good(sub=...),
    "sub a number": lambda: good(sub=7),
    "sub empty": lambda: good(sub=""),
    "sub with NUL": lambda: good(sub="a\x00b"),
    "sub with a line": lambda: good(sub="a\nb"),
    "sub half a character": lambda: good(sub="\ud800"),
    "sub long": lambda: good(sub="a" * 256),
    "nbf future": lambda: good(nbf=now() + 600),
    "nbf as text": lambda: good(nbf="0"),
    "iat future": lambda: good(iat=now() + 600),
    "crit unknown": lambda: token({**HS, "crit": ["x"], "x": 1}, claims(), hs()),
    "crit empty": lambda: token({**HS, "crit": []}, claims(), hs()),
    "b64 off": lambda: token({**HS, "b64": False, "crit": ["b64"]}, claims(), hs()),
    "b64 on": lambda: token({**HS, "b64": True, "crit": ["b64"]}, claims(), hs()),
    "kid a number": lambda: token({**HS, "kid": 5}, claims(), hs()),
    "payload a list": lambda: token(HS, b"[1]", hs()),
    "payload deep": lambda: token(HS, DEEP, hs()),
    "payload not JSON": lambda: token(HS, b"\xff", hs()),
    "header deep": lambda: f"{b64(DEEP)}.{b64(b'{}')}.",
    "header a list": lambda: f"{b64(b'[]')}.{b64(b'{}')}.",
    "two parts": lambda: good().rpartition(".")[0],
    "five parts": lambda: good() + ".a.b",
    "a word": lambda: "token",
    "nothing": lambda: "",
    "padding inside": lambda: good().replace(".", "==."),
    "huge": lambda: good(more="x" * 8192),
}


async def test_good_tokens_name_their_user(production: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for name, make in GOOD.items():
        with subtests.test(name):
            response = await whoami(production, make())
            assert response.json()["data"] == {"user": str(ANNA), "service": False}


async def test_forged_tokens_are_refused_alike(production: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for name, make in FORGED.items():
        with subtests.test(name):
            await assert_refused(production, make())


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=9), max_size=2)


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), st.from_type(type).map(str) | st.none()
    ),
    noise=st.text(max_size=40),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_token_is_an_error_of_ours(header: dict[str, Any], noise: str) -> None:
    verifier = TokenVerifier(SharedSecret(SECRET.encode()), "emprops", "emprops")
    for text in (noise, f"{noise}.{noise}.{noise}", token(header, claims(), unsigned), good() + noise + "."):
        with pytest.raises(UnauthorizedError):
            await verifier.verify(text)


async def test_other_schemes_are_refused(production: httpx2.AsyncClient) -> None:
    for value in ("Basic dXNlcjpwdw==", "bearer", "Bearer", "Token abc", "Bearer a b", ""):
        response = await production.get("/whoami", headers={"Authorization": value})
        assert response.status_code == 401, value
        assert response.json()["error"] == "The token is not valid."


async def test_nobody_is_told_what_to_send(production: httpx2.AsyncClient) -> None:
    response = await production.get("/whoami")
    assert response.status_code == 401
    assert response.json()["error"] == "Unauthorized: send a Bearer token, or the X-API-Key of a service."
    assert (await production.get("/open")).json()["data"] is False


async def test_two_tokens_are_none(production: httpx2.AsyncClient) -> None:
    twice = [("Authorization", f"Bearer {good()}"), ("Authorization", f"Bearer {good(sub=str(BERT))}")]
    assert (await production.get("/whoami", headers=twice)).status_code == 400


async def test_a_token_made_here_is_good(production: httpx2.AsyncClient) -> None:
    text = make_token(BERT, secret=SECRET, issuer="emprops", audience="emprops", life=60)
    assert (await whoami(production, text)).json()["data"]["user"] == str(BERT)
    late = make_token(BERT, secret=SECRET, issuer="emprops", audience="emprops", life=-120)
    await assert_refused(production, late)


# --- subjects that are no UUID


async def test_other_subjects_get_a_user_of_their_own(
    production: httpx2.AsyncClient, open_api: OpenApi, database: Database
) -> None:
    first = (await whoami(production, good(sub="auth0|anna"))).json()["data"]["user"]
    second = (await whoami(production, good(sub="auth0|bert"))).json()["data"]["user"]
    again = (await whoami(production, good(sub="auth0|anna"))).json()["data"]["user"]
    assert first == again != second
    async with open_api(jwt_secret=SECRET) as replica:
        assert (await whoami(replica, good(sub="auth0|anna"))).json()["data"]["user"] == first
    async with open_api(jwt_secret=SECRET, jwt_issuer="elsewhere") as other:
        elsewhere = (await whoami(other, good(sub="auth0|anna", iss="elsewhere"))).json()["data"]["user"]
    assert elsewhere not in (first, second)
    async with database.reader() as reader:
        users = {str(user) for user in await reader.fetch_values("SELECT id FROM app_user")}
    assert users == {first, second, elsewhere}


async def test_two_first_requests_make_one_user(database: Database) -> None:
    async def add() -> UUID:
        async with database.transaction() as tx:
            return await add_identity(tx, "issuer", "auth0|anna")

    async with database.transaction() as tx:
        first = await add_identity(tx, "issuer", "auth0|anna")
        late = asyncio.create_task(add())
    assert await late == first
    async with database.reader() as reader:
        assert await reader.fetch_values("SELECT id FROM app_user") == [first]


async def test_odd_spellings_of_a_user_are_somebody_else(production: httpx2.AsyncClient) -> None:
    for odd in (f"{{{ANNA}}}", f"urn:uuid:{ANNA}", ANNA.hex):
        assert (await whoami(production, good(sub=odd))).json()["data"]["user"] not in (None, str(ANNA))


# --- public keys


@pytest.fixture(scope="module")
def pairs() -> dict[str, Pair]:
    return {kind: Pair(kind.lower(), kind) for kind in ("RSA", "EC", "OKP")}


@pytest.fixture(scope="module")
def stranger() -> Pair:
    return Pair("rsa", "RSA")


PUBLIC = {"jwt_issuer": "emprops"}


async def test_each_kind_of_key_has_its_algorithm(
    open_api: OpenApi, pairs: dict[str, Pair], tmp_path: Path, subtests: pytest.Subtests
) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(*pairs.values()))
    async with open_api(jwks_file=str(file), **PUBLIC) as client:
        for kind, pair in pairs.items():
            with subtests.test(kind):
                assert (await whoami(client, pair.token())).json()["data"]["user"] == str(ANNA)
                for wrong in ({"RSA": "ES256"}.get(kind, "RS256"), "HS256", "none", "RS512", "PS256"):
                    await assert_refused(client, pair.token(alg=wrong))
                await assert_refused(client, pair.token(claims(exp=now() - 120)))


async def test_public_keys_are_no_secrets(
    open_api: OpenApi, pairs: dict[str, Pair], stranger: Pair, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Mixed families, keys that the token brings or points to, and `kid` as a path, URL or query."""
    rsa, shared = pairs["RSA"], {"kty": "oct", "kid": "shared", "k": b64(SECRET.encode()), "alg": "HS256"}
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(*pairs.values(), shared))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = {
        "PEM": rsa.public.public_bytes(serialization.Encoding.PEM, public),
        "PEM without its last line end": rsa.public.public_bytes(serialization.Encoding.PEM, public).rstrip(),
        "DER": rsa.public.public_bytes(serialization.Encoding.DER, public),
        "modulus": rsa.jwk["n"].encode(),
        "nothing": b"",
    }
    forged = {
        f"public key as secret: {name}": token({"alg": "HS256", "kid": "rsa"}, claims(), hs(secret))
        for name, secret in secrets.items()
    } | {
        "another's key": stranger.token(),
        "its own key": stranger.token(jwk=stranger.jwk),
        "its own key, unknown id": stranger.token(jwk=stranger.jwk, kid="mine"),
        "jku": stranger.token(jku="http://127.0.0.1:9/keys.json", kid="mine"),
        "x5u": stranger.token(x5u="http://127.0.0.1:9/cert.pem"),
        "no kid, several keys": rsa.token(kid=...),
        "kid of another key": rsa.token(kid="ec"),
        "kid unknown": rsa.token(kid="nobody"),
        "kid a path": token({"alg": "HS256", "kid": "../../../../dev/null"}, claims(), hs(b"")),
        "kid the file": token({"alg": "HS256", "kid": str(file)}, claims(), hs(file.read_bytes())),
        "kid a URL": rsa.token(kid="http://127.0.0.1:9/"),
        "kid a query": rsa.token(kid="' UNION SELECT 'secret"),
        "symmetric key in the set": token({"alg": "HS256", "kid": "shared"}, claims(), hs()),
    }
    async with open_api(jwks_file=str(file), **PUBLIC) as client:
        for name, text in forged.items():
            with subtests.test(name):
                await assert_refused(client, text)
