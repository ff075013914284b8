"""Wrong API keys: they leave no trace on the right one, and are limited by the address they come from."""

import httpx2
import pytest
from tests.apps import client_of
from tests.auth.conftest import MakeKey, OpenApp
from tests.auth.tokens import SECRET, good

from emprops.auth.keys import KeyRing, make_key
from emprops.auth.limits import GUESSES_A_MINUTE
from emprops.errors import UnauthorizedError
from emprops.kit.database import Database


def key(text: str) -> dict[str, str]:
    return {"X-API-Key": text}


async def test_a_wrong_key_with_the_right_prefix_leaves_no_trace(database: Database, add_key: MakeKey) -> None:
    text = await add_key("service")
    ring = KeyRing()
    with pytest.raises(UnauthorizedError):
        await ring.check(text[:13] + make_key().text[13:], database)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT last_used_at FROM api_key") is None
    await ring.check(text, database)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT last_used_at FROM api_key") is not None


async def test_guesses_are_limited_by_address(open_app: OpenApp, add_key: MakeKey, subtests: pytest.Subtests) -> None:
    known, fresh = await add_key("service"), await add_key("service")
    async with open_app(jwt_secret=SECRET) as app, client_of(app) as client:
        assert (await client.get("/whoami", headers=key(known))).status_code == 200
        wrong = make_key().text
        for _ in range(GUESSES_A_MINUTE + 5):  # a client that was not told of a revocation
            assert (await client.get("/whoami", headers=key(wrong))).status_code == 401
        guesses = [await client.get("/whoami", headers=key(make_key().text)) for _ in range(GUESSES_A_MINUTE)]
        assert [guess.status_code for guess in guesses] == [401] * (GUESSES_A_MINUTE - 1) + [429]
        assert int(guesses[-1].headers["retry-after"]) > 0
        with subtests.test("a key that was valid a moment ago is not held up"):
            assert (await client.get("/whoami", headers=key(known))).status_code == 200
        with subtests.test("one that may be a guess is not even looked at"):
            assert (await client.get("/whoami", headers=key(fresh))).status_code == 429
        with subtests.test("tokens are not concerned"):
            assert (await client.get("/whoami", headers={"Authorization": f"Bearer {good()}"})).status_code == 200
        transport = httpx2.ASGITransport(app=app, client=("2001:db8::1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as elsewhere:
            assert (await elsewhere.get("/whoami", headers=key(fresh))).status_code == 200
