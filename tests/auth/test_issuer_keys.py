"""The issuer's key set: what is taken from it, when it is read again, and what an outage changes (nothing)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tests.apps import served
from tests.auth.conftest import ANNA, OpenApi
from tests.auth.tokens import Pair, b64, key_set

from emprops.auth.jwks import MAX_AGE, IssuerKeys, KeySetError, from_file, from_url, parse_key_set
from emprops.errors import UnavailableError
from emprops.kit.outbound.client import GuardedClient
from emprops.settings import Settings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """A server that publishes keys, counts who asks, and can break."""

    def __init__(self) -> None:
        self.document, self.status, self.asked = b"", 200, 0
        self.url = ""
        self.hold: asyncio.Event | None = None
        self.asked_again = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        if self.asked > 1:
            self.asked_again.set()
        if self.hold:
            await self.hold.wait()
        moved = {"location": self.url} if self.status == 302 else None
        await Response(self.document, self.status, headers=moved)(scope, Request(scope, receive).receive, send)


@pytest.fixture(scope="module")
def old() -> Pair:
    return Pair("old", "EC")


@pytest.fixture(scope="module")
def new() -> Pair:
    return Pair("new", "EC")


@pytest.fixture
async def issuer(old: Pair) -> AsyncIterator[Issuer]:
    issuer = Issuer()
    issuer.document = key_set(old)
    async with served(issuer) as client:  # type: ignore[arg-type] - any ASGI application will do
        issuer.url = f"{client.base_url}/keys.json"
        yield issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(issuer: Issuer, clock: Clock) -> AsyncIterator[IssuerKeys]:
    address = issuer.url.removeprefix("http://").partition("/")[0]
    client = GuardedClient(Settings(outbound_allow=address))
    yield IssuerKeys(from_url(client, issuer.url), clock=clock)
    await client.close()


# --- when it is read


async def test_it_is_read_once_for_all_who_wait(keys: IssuerKeys, issuer: Issuer) -> None:
    found = await asyncio.gather(*(keys.find("old") for _ in range(20)))
    assert {algorithm for _, algorithm in filter(None, found)} == {"ES256"}
    assert len(found) == 20
    assert issuer.asked == 1


async def test_unknown_ids_cause_one_reading_a_minute(
    keys: IssuerKeys, issuer: Issuer, clock: Clock, old: Pair, new: Pair
) -> None:
    await keys.find("old")
    issuer.document = key_set(old, new)
    for name in ("new", "guess", "another"):
        assert await keys.find(name) is None
    assert issuer.asked == 1
    clock.now += 60
    assert await keys.find("new")
    assert await keys.find("guess") is None
    assert issuer.asked == 2


async def test_withdrawn_keys_stop_working(keys: IssuerKeys, issuer: Issuer, clock: Clock, new: Pair) -> None:
    await keys.find("old")
    issuer.document = key_set(new)
    assert await keys.find("old")
    clock.now += MAX_AGE + 1
    assert await keys.find("old") is None
    assert await keys.find("new")


@pytest.mark.parametrize("fault", ["status", "garbage", "empty", "redirect", "too large"])
async def test_an_outage_leaves_the_known_keys_in_use(
    keys: IssuerKeys, issuer: Issuer, clock: Clock, fault: str
) -> None:
    await keys.find("old")
    good = issuer.document
    broken = {
        "status": (good, 500),
        "garbage": (b"<html>", 200),
        "empty": (b'{"keys": []}', 200),
        "redirect": (good, 302),
        "too large": (good + b" " * 300_000, 200),
    }
    issuer.document, issuer.status = broken[fault]
    for _ in range(3):
        clock.now += MAX_AGE + 1
        assert await keys.find("old")
    assert issuer.asked == 4


async def test_nobody_waits_for_a_slow_issuer_with_a_known_key(keys: IssuerKeys, issuer: Issuer, clock: Clock) -> None:
    await keys.find("old")
    clock.now += MAX_AGE + 1
    issuer.hold = asyncio.Event()
    refreshing = asyncio.create_task(keys.find("old"))
    async with asyncio.timeout(5):
        await issuer.asked_again.wait()
        assert await keys.find("old")
    assert not refreshing.done()
    issuer.hold.set()
    assert await refreshing


async def test_keys_that_were_never_read_are_no_401(keys: IssuerKeys, issuer: Issuer, clock: Clock) -> None:
    issuer.status = 503
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await keys.find("old")
    assert issuer.asked == 1
    issuer.status = 200
    clock.now += 5
    assert await keys.find("old")


async def test_private_addresses_are_not_asked(issuer: Issuer) -> None:
    client = GuardedClient(Settings())
    with pytest.raises(UnavailableError):
        await IssuerKeys(from_url(client, issuer.url)).find("old")
    assert issuer.asked == 0
    await client.close()


async def test_a_file_is_read_again(tmp_path: Path, clock: Clock, old: Pair, new: Pair) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(old))
    keys = IssuerKeys(from_file(file), keys=parse_key_set(file.read_bytes()), clock=clock)
    file.write_bytes(key_set(new))
    assert await keys.find("new") is None
    clock.now += 60
    assert await keys.find("new")
    file.unlink()
    clock.now += MAX_AGE + 1
    assert await keys.find("new")


async def test_an_api_knows_users_by_its_issuers_keys(open_api: OpenApi, issuer: Issuer, old: Pair) -> None:
    address = issuer.url.removeprefix("http://").partition("/")[0]
    async with open_api(jwks_url=issuer.url, jwt_issuer="emprops", outbound_allow=address) as client:
        issuer.status = 500
        headers = {"Authorization": f"Bearer {old.token()}"}
        assert (await client.get("/whoami", headers=headers)).status_code == 503
    async with open_api(jwks_url=issuer.url, jwt_issuer="emprops", outbound_allow=address) as client:
        issuer.status = 200
        assert (await client.get("/whoami", headers=headers)).json()["data"]["user"] == str(ANNA)
        only_key = {"Authorization": f"Bearer {old.token(kid=...)}"}
        assert (await client.get("/whoami", headers=only_key)).json()["data"]["user"] == str(ANNA)


# --- what is taken from it


def odd_entries(pair: Pair) -> dict[str, Any]:
    good = pair.jwk
    return {
        "for encryption": {**good, "use": "enc"},
        "for signing only": {**good, "key_ops": ["sign"]},
        "private": {**good, "d": pair.d},
        "another algorithm": {**good, "alg": "ES384"},
        "another curve": {**good, "crv": "P-384"},
        "off the curve": {**good, "x": b64(bytes(32))},
        "id a number": {**good, "kid": 7},
        "kind a list": {**good, "kty": ["EC"]},
        "operations a number": {**good, "key_ops": 7},
        "half a key": {"kty": "EC", "crv": "P-256", "kid": "half"},
        "symmetric": {"kty": "oct", "k": b64(b"k" * 32), "kid": "shared"},
        "a word": "key",
        "weak": Pair("weak", "RSA", bits=1024).jwk,
    }


def test_only_public_signing_keys_are_taken(old: Pair, new: Pair, subtests: pytest.Subtests) -> None:
    for name, entry in odd_entries(new).items():
        with subtests.test(name):
            assert set(parse_key_set(json.dumps({"keys": [entry, old.jwk]}).encode())) == {"old"}
            with pytest.raises(KeySetError):
                parse_key_set(json.dumps({"keys": [entry]}).encode())


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": {}}', b"\xff", b"null"])
def test_other_documents_are_refused(document: bytes) -> None:
    with pytest.raises(KeySetError):
        parse_key_set(document)


def test_the_first_of_two_keys_with_one_id_counts(old: Pair, new: Pair) -> None:
    keys = parse_key_set(key_set(old, {**new.jwk, "kid": "old"}))
    assert keys["old"].key.public_numbers() == old.public.public_numbers()
