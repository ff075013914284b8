"""API keys: which work, for what, how fast a revocation bites, and that none is ever written down."""

import hmac
import itertools
import logging
from types import SimpleNamespace
from uuid import UUID

import httpx2
import psycopg
import pytest
from tests.auth.conftest import ANNA, BERT, MakeKey, OpenApi
from tests.auth.tokens import SECRET, good
from tests.engines import Engines

from emprops.auth import store
from emprops.auth.keys import REMEMBER, KeyRing, digest_of, make_key
from emprops.errors import UnauthorizedError
from emprops.kit.database import Database
from emprops.kit.telemetry.logging import configure_logging
from emprops.settings import Settings


def key(text: str) -> dict[str, str]:
    return {"X-API-Key": text}


async def change(database: Database, text: str, setting: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"UPDATE api_key SET {setting} WHERE prefix = %s", [text[4:12]])


async def test_a_key_is_stored_as_a_digest(database: Database, add_key: MakeKey) -> None:
    text = await add_key("service")
    assert len(text) == 4 + 8 + 1 + 43
    async with database.reader() as reader:
        (row,) = await reader.fetch_dicts("SELECT * FROM api_key")
    assert row["key_hash"] == digest_of(text)
    assert text[13:] not in str(row)
    assert make_key().text != make_key().text


# --- what a key may do


async def test_a_service_acts_for_whom_it_names(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    """Q19, in production too; every readable spelling of the header counts beside a service's key."""
    text = await add_key("service")
    for name in ("user_id", "user-id", "X-User-Id"):
        response = await production.get("/whoami", headers={**key(text), name: str(ANNA)})
        assert response.json()["data"] == {"user": str(ANNA), "service": True}
    assert (await production.post("/service", headers={**key(text), "user_id": str(ANNA)})).json()["data"] == str(ANNA)
    assert (await production.get("/whoami", headers=key(text))).json()["data"] == {"user": None, "service": True}
    assert (await production.post("/service", headers=key(text))).json()["data"] is None
    assert (await production.get("/user", headers=key(text))).status_code == 401
    for wrong in ("me", f"{ANNA}0"):
        assert (await production.get("/whoami", headers={**key(text), "user_id": wrong})).status_code == 400
    two = [("X-API-Key", text), ("user_id", str(ANNA)), ("user-id", str(BERT))]
    assert (await production.get("/whoami", headers=two)).status_code == 400


async def test_an_owner_is_the_default(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    text = await add_key("service", owner=ANNA)
    assert (await production.get("/user", headers=key(text))).json()["data"] == str(ANNA)
    named = await production.get("/user", headers={**key(text), "user_id": str(BERT)})
    assert named.json()["data"] == str(BERT)


async def test_a_reading_key_changes_nothing(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    everything, own = await add_key("read"), await add_key("read", owner=ANNA)
    named = {"user_id": str(BERT)}
    whoami = await production.get("/whoami", headers={**key(everything), **named})
    assert whoami.json()["data"] == {"user": None, "service": True}
    whoami = await production.get("/whoami", headers={**key(own), **named})
    assert whoami.json()["data"] == {"user": str(ANNA), "service": False}
    for text in (everything, own):
        for path in ("/whoami", "/service"):
            response = await production.post(path, headers=key(text))
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_a_reading_key_posts_what_changes_nothing(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    text = await add_key("read", owner=ANNA)
    assert (await production.post("/ws/ticket", headers=key(text))).status_code == 201
    assert (await production.post("/api/ws/ticket", headers=key(text))).status_code == 201
    for path, status in (
        ("collections/none/price", 404),
        ("jobs/0192f0c8-0000-7000-8000-00000000000c/stream-ticket", 404),
    ):
        response = await production.post(f"/{path}", headers=key(text), json={"variables": {}})
        assert response.status_code == status, response.text
    assert (await production.post("/projects", headers=key(text), json={"name": "P"})).status_code == 403


async def test_a_workers_key_is_for_workers(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    text = await add_key("worker", owner=ANNA)
    for path in ("/whoami", "/user"):
        assert (await production.get(path, headers=key(text))).status_code == 403
    response = await production.post("/service", headers=key(text))
    assert (response.status_code, response.json()["error"]) == (
        403,
        "This endpoint takes an API key with the scope service.",
    )


async def test_services_need_a_key(production: httpx2.AsyncClient) -> None:
    for headers in ({}, {"Authorization": f"Bearer {good()}"}, {"user_id": str(ANNA)}):
        response = await production.post("/service", headers=headers)
        assert response.status_code == 401
        assert response.json()["error"] == "This endpoint needs a service key (X-API-Key)."


async def test_keys_work_in_local_mode_too(open_api: OpenApi, add_key: MakeKey) -> None:
    text = await add_key("service")
    async with open_api(mode="local") as client:
        user = {"user_id": str(ANNA)}
        assert (await client.get("/whoami", headers=user)).json()["data"] == {"user": str(ANNA), "service": False}
        both = await client.get("/whoami", headers={**key(text), **user})
        assert both.json()["data"] == {"user": str(ANNA), "service": True}
        assert (await client.post("/service", headers=user)).status_code == 401
        assert (await client.get("/whoami", headers={**key(make_key().text), **user})).status_code == 401
        ignored = await client.get("/whoami", headers={"Authorization": "Bearer x", **user})
        assert ignored.json()["data"]["user"] == str(ANNA)


async def test_a_token_goes_before_the_header_in_local_mode(open_api: OpenApi) -> None:
    async with open_api(mode="local", jwt_secret=SECRET) as client:
        headers = {"Authorization": f"Bearer {good()}", "user_id": str(BERT)}
        assert (await client.get("/whoami", headers=headers)).json()["data"]["user"] == str(ANNA)
        headers["Authorization"] = "Bearer forged"
        assert (await client.get("/whoami", headers=headers)).status_code == 401


async def test_key_and_token_do_not_go_together(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    headers = {**key(await add_key("service")), "Authorization": f"Bearer {good()}"}
    assert (await production.get("/whoami", headers=headers)).status_code == 400


async def test_a_key_is_taken_as_bearer_token_too(
    production: httpx2.AsyncClient, open_api: OpenApi, add_key: MakeKey
) -> None:
    text = await add_key("service")
    as_token = {"Authorization": f"Bearer {text}"}
    assert (await production.get("/whoami", headers=as_token)).json()["data"] == {"user": None, "service": True}
    wrong = await production.get("/whoami", headers={"Authorization": f"Bearer {make_key().text}"})
    assert wrong.json()["error"] == "The API key is not valid."
    assert (await production.get("/whoami", headers={**as_token, **key(text)})).status_code == 400
    async with open_api(mode="local") as client:
        assert (await client.get("/whoami", headers=as_token)).json()["data"] == {"user": None, "service": True}


# --- which keys work


async def test_bad_keys_are_refused_alike(
    production: httpx2.AsyncClient, database: Database, add_key: MakeKey, subtests: pytest.Subtests
) -> None:
    text, revoked, expired = [await add_key("service") for _ in range(3)]
    await change(database, revoked, "revoked_at = now()")
    await change(database, expired, "expires_at = now() - interval '1 s'")
    bad = {
        "revoked": revoked,
        "expired": expired,
        "unknown": make_key().text,
        "another secret": text[:13] + make_key().text[13:],
        "prefix only": text[:12],
        "prefix and mark": text[:13],
        "cut": text[:-1],
        "longer": text + "A",
        "upper case": text.upper(),
        "last character": text[:-1] + ("A" if text[-1] != "A" else "B"),
        "digest": digest_of(text).hex(),
        "a word": "key",
        "nothing": "",
        "latin": "é" * 10,
    }
    for name, wrong in bad.items():
        with subtests.test(name):
            for path in ("/whoami", "/open"):
                response = await production.get(path, headers=[(b"x-api-key", wrong.encode("latin-1"))])
                assert response.status_code == 401
                assert response.json()["error"] == "The API key is not valid."
    assert (await production.get("/whoami", headers=key(text))).status_code == 200
    twice = [("X-API-Key", text), ("X-API-Key", make_key().text)]
    assert (await production.get("/whoami", headers=twice)).status_code == 400


async def test_every_refusal_compares_once(
    database: Database, add_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known or not, the same path is taken; what it costs cannot be measured on a shared machine."""
    compared: list[tuple[bytes, bytes]] = []

    def spy(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return hmac.compare_digest(left, right)

    monkeypatch.setattr("emprops.auth.keys.hmac", SimpleNamespace(compare_digest=spy))
    text = await add_key("service")
    for wrong in (make_key().text, text[:13] + make_key().text[13:], "no key at all"):
        compared.clear()
        with pytest.raises(UnauthorizedError):
            await KeyRing().check(wrong, database)
        assert [left for left, _ in compared] == [digest_of(wrong)]
        assert len(compared[0][1]) == 32
    compared.clear()
    await KeyRing().check(text, database)
    assert compared == [(digest_of(text), digest_of(text))]


async def test_a_revocation_bites_within_half_a_minute(database: Database, add_key: MakeKey) -> None:
    now = 1000.0
    ring = KeyRing(clock=lambda: now)
    text = await add_key("service")
    assert (await ring.check(text, database)).scopes == ["service"]
    async with database.transaction() as tx:
        assert await store.revoke_key(tx, text[4:12])
    now += REMEMBER - 0.1
    await ring.check(text, database)
    now += 0.2
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            await ring.check(text, database)
    assert REMEMBER <= 30


async def test_a_known_key_costs_no_query(database: Database, add_key: MakeKey, engines: Engines) -> None:
    ring, text = KeyRing(), await add_key("service")
    await ring.check(text, database)
    engines.kill_postgres()
    assert (await ring.check(text, database)).live
    with pytest.raises((psycopg.OperationalError, psycopg.InterfaceError)):
        await KeyRing().check(text, database)


async def test_use_is_noted_once_a_minute(database: Database, add_key: MakeKey) -> None:
    text = await add_key("read")

    async def last_use() -> object:
        await KeyRing().check(text, database)
        async with database.reader() as reader:
            return await reader.fetch_value("SELECT last_used_at FROM api_key")

    first = await last_use()
    assert first is not None
    assert await last_use() == first
    await change(database, text, "last_used_at = last_used_at - interval '2 min'")
    assert await last_use() >= first  # type: ignore[operator]


# --- where keys are found


async def test_keys_in_the_url_are_refused(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    text = await add_key("service")
    names = ("api_key", "apikey", "X-API-Key", "api-key", "access_token", "jwt", "id_token", "q")
    for name, headers in itertools.product(names, ({}, key(text))):
        response = await production.get("/whoami", params={name: text}, headers=headers)
        assert response.status_code == 400, name
        assert "X-API-Key" in response.json()["error"]
        assert text not in response.text


@pytest.mark.parametrize("name", ["jwt", "token", "q"])
async def test_tokens_in_the_url_are_refused(production: httpx2.AsyncClient, name: str) -> None:
    response = await production.get("/whoami", params={name: good()}, headers={"Authorization": f"Bearer {good()}"})
    assert response.status_code == 400
    assert "do not belong in the URL" in response.json()["error"]


async def test_no_key_or_token_is_logged(
    production: httpx2.AsyncClient,
    add_key: MakeKey,
    engines: Engines,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    text, unknown, token = await add_key("service"), make_key().text, good()
    sent: list[dict[str, str]] = [key(text), key(unknown), key(text + "x"), {"Authorization": f"Bearer {token}"}]
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    configure_logging(Settings(log_level="DEBUG", log_json=True))
    try:
        logging.getLogger().handlers += handlers
        for headers in sent:
            for path in ("/whoami", "/service", f"/whoami?api_key={text}", f"/jobs/{UUID(int=7)}"):
                await production.get(path, headers=headers)
                await production.post(path, headers=headers)
        engines.kill_postgres()
        assert (await production.get("/whoami", headers=key(unknown))).status_code == 503
    finally:
        logging.getLogger().handlers = handlers
        logging.getLogger().setLevel(level)
    written = "".join(capfd.readouterr()) + caplog.text
    assert "database unavailable" in written
    assert "/whoami" in written
    for secret in (text, unknown, token):
        for part in (secret, secret[13:40], secret[-20:]):
            assert part not in written
