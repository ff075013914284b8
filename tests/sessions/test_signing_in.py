"""Each way to sign in: for a key, a token, or, on one's own machine, nothing; and what the session may then."""

import json
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api
from tests.sessions.conftest import ANNA, HERE, MakeKey, browser, token

from emprops.auth import role_store
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.settings import Settings

PROJECT = {"name": "Harbours"}


async def me(client: httpx2.AsyncClient) -> dict[str, object]:
    reply = await client.get("/me")
    assert reply.status_code == 200, reply.text
    return dict(reply.json()["data"])


async def test_a_token_is_exchanged_for_a_session(page: httpx2.AsyncClient) -> None:
    made = await page.post("/session", headers=token())
    assert made.status_code == 201
    session = made.json()["data"]
    assert {name: session[name] for name in ("user_id", "role", "reads_only", "way", "made_by", "current")} == {
        "user_id": str(ANNA),
        "role": "user",
        "reads_only": False,
        "way": "token",
        "made_by": f"user:{ANNA}",
        "current": True,
    }
    caller = await me(page)
    assert (caller["user_id"], caller["role"], caller["roles"], caller["scopes"]) == (str(ANNA), "user", [], [])
    assert caller["session"] == session
    assert (await page.get("/decks")).status_code == 200
    assert (await page.get("/api/workers")).status_code == 403


async def test_the_cookie_is_out_of_reach_and_the_reply_does_not_show_it(page: httpx2.AsyncClient) -> None:
    made = await page.post("/session", headers=token())
    [cookie] = made.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    secret, *attributes = rest.split("; ")
    assert name == "__Host-emprops"
    assert len(secret) == 43
    assert {part.lower() for part in attributes} == {
        "httponly",
        "secure",
        "samesite=strict",
        "path=/",
        "max-age=604800",
    }
    assert secret not in made.text
    assert secret not in (await page.get("/sessions")).text
    assert made.headers["cache-control"] == "no-store"


async def test_on_this_machine_the_cookie_has_another_name(here: httpx2.AsyncClient) -> None:
    [cookie] = (await here.post("/session")).headers.get_list("set-cookie")
    assert cookie.startswith("emprops=")
    assert "secure" not in cookie.lower()
    assert "HttpOnly" in cookie


async def test_only_a_digest_is_stored(page: httpx2.AsyncClient, database: Database) -> None:
    made = await page.post("/session", headers=token())
    secret = page.cookies["__Host-emprops"]
    async with database.reader() as reader:
        [row] = await reader.fetch_dicts("SELECT * FROM session")
    assert str(row["id"]) == made.json()["data"]["id"]
    assert secret not in str(row)


# --- one's own machine


async def test_on_ones_own_machine_nothing_is_needed(here: httpx2.AsyncClient, tmp_path: Path) -> None:
    state = (await here.get("/session")).json()["data"]
    assert state == {"signed_in": False, "ways": ["local", "key", "link"], "session": None}
    session = (await here.post("/session")).json()["data"]
    assert (session["role"], session["way"]) == ("operator", "local")
    assert session["user_id"] == json.loads((tmp_path / "local.json").read_text())["user_id"]
    caller = await me(here)
    assert (caller["role"], caller["roles"]) == ("operator", ["author", "operator", "viewer"])
    assert (await here.get("/api/workers")).status_code == 200
    assert (await here.post("/keys", json={"name": "web", "scopes": ["service"]})).status_code == 201
    assert (await here.get("/session")).json()["data"] == {
        "signed_in": True,
        "ways": ["local", "key", "link"],
        "session": session,
    }


async def test_a_local_user_may_sign_in_as_less(here: httpx2.AsyncClient) -> None:
    await here.post("/session", json={"role": "user"})
    assert (await me(here))["role"] == "user"
    assert (await here.get("/api/workers")).status_code == 403
    await here.post("/session", json={"role": "viewer"})
    caller = await me(here)
    assert (caller["role"], caller["reads_only"], caller["scopes"]) == ("viewer", True, ["read"])
    assert (await here.get("/api/workers")).status_code == 200
    for refused in ("/api/workers/pause", "/decks", "/keys"):
        reply = await here.post(refused, json={"name": "x", "scopes": ["read"]})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), refused
    assert (await here.delete("/session")).status_code == 200


async def test_the_user_id_header_says_whose_session_it_is_here(here: httpx2.AsyncClient) -> None:
    made = await here.post("/session", headers={"user_id": str(ANNA)})
    assert made.json()["data"]["user_id"] == str(ANNA)
    assert (await me(here))["user_id"] == str(ANNA)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:5173"},
        {},
    ],
    ids=str,
)
async def test_only_own_pages_get_it_for_nothing(local: FastAPI, headers: dict[str, str]) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=local), base_url=HERE) as client:
        refused = await client.post("/session", headers=headers)
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers
        assert (await client.post("/session", headers={"Origin": HERE})).status_code == 201


async def test_an_api_that_others_reach_gives_nothing_away(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url, "data_dir": tmp_path}
    changed = Settings(mode="local", allow_remote_local=True, **urls)
    async with api(changed, database, redis, tmp_path) as app, browser(app, HERE) as client:
        assert (await client.get("/session")).json()["data"]["ways"] == ["key", "link"]
        assert (await client.post("/session")).status_code == 401
        named = await client.post("/session", headers={"user_id": str(ANNA)})
        assert named.status_code == 401
        assert "proves nothing" in named.json()["error"]


async def test_a_local_session_means_nothing_once_others_may_ask(
    here: httpx2.AsyncClient, page: httpx2.AsyncClient
) -> None:
    await here.post("/session")
    page.cookies.set("__Host-emprops", here.cookies["emprops"], domain="emprops.example")
    assert (await page.get("/me")).status_code == 401


# --- keys


async def test_a_service_key_alone_makes_an_operator_with_a_user_of_its_own(
    page: httpx2.AsyncClient, production: FastAPI, add_key: MakeKey
) -> None:
    key = await add_key("service")
    session = (await page.post("/session", headers=key)).json()["data"]
    assert (session["role"], session["way"], session["made_by"]) == ("operator", "key", f"key:{key['X-API-Key'][:12]}")
    assert (await page.get("/api/workers")).status_code == 200
    assert (await page.get("/decks")).status_code == 200
    async with browser(production) as other:
        again = (await other.post("/session", headers=key)).json()["data"]
    assert again["user_id"] == session["user_id"]


async def test_a_service_key_that_speaks_for_a_user_makes_that_users_session(
    page: httpx2.AsyncClient, add_key: MakeKey
) -> None:
    for headers in (await add_key("service", ANNA), await add_key("service") | {"user_id": str(ANNA)}):
        session = (await page.post("/session", headers=headers)).json()["data"]
        assert (session["user_id"], session["role"]) == (str(ANNA), "user")
        assert (await page.get("/api/workers")).status_code == 403
        await page.post("/session", headers=headers, json={"role": "operator"})
        assert (await page.get("/api/workers")).status_code == 200


async def test_a_reading_key_makes_sessions_that_look(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    session = (await page.post("/session", headers=await add_key("read"))).json()["data"]
    assert (session["role"], session["reads_only"]) == ("viewer", True)
    assert (await page.get("/api/workers")).status_code == 200
    assert (await page.post("/decks", json={"name": "x"})).status_code == 403
    own = await add_key("read", ANNA)
    session = (await page.post("/session", headers=own)).json()["data"]
    assert (session["user_id"], session["role"], session["reads_only"]) == (str(ANNA), "user", True)
    assert (await page.get("/api/workers")).status_code == 403
    assert (await page.post("/decks", json={"name": "x"})).status_code == 403
    assert (await page.post("/ws/ticket")).status_code == 201


async def test_no_session_is_more_than_what_it_is_made_of(
    page: httpx2.AsyncClient, add_key: MakeKey, database: Database
) -> None:
    async with database.transaction() as tx:
        await role_store.grant(tx, ANNA, "operator", by="the test")
    reading = await add_key("read", ANNA)
    for headers, role in (
        (token(new_id()), "operator"),
        (token(new_id()), "viewer"),
        (await add_key("read"), "operator"),
        (reading, "operator"),  # although Anna is one
    ):
        refused = await page.post("/session", headers=headers, json={"role": role})
        assert refused.status_code == 403
        assert f"does not have the role {role}" in refused.json()["error"]
    assert (await page.post("/session", headers=await add_key("worker"))).status_code == 403
    assert not page.cookies


async def test_the_session_ends_with_its_key(
    page: httpx2.AsyncClient, production: FastAPI, add_key: MakeKey, database: Database
) -> None:
    key = await add_key("service")
    await page.post("/session", headers=key)
    async with database.transaction() as tx:
        await tx.execute("UPDATE api_key SET revoked_at = now()")
    production.state.sessions._remembered.clear()  # 15 s later
    assert (await page.get("/me")).status_code == 401


# --- what is refused


@pytest.mark.parametrize(
    "headers", [{}, {"user_id": str(ANNA)}, {"Authorization": "Bearer x.y.z"}, {"X-API-Key": "emp_abc"}], ids=str
)
async def test_nothing_is_had_for_nothing(page: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    refused = await page.post("/session", headers=headers)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers


async def test_a_misspelt_body_is_refused(page: httpx2.AsyncClient) -> None:
    for body in ({"role": "admin"}, {"role": 7}, [], "operator"):
        assert (await page.post("/session", headers=token(), json=body)).status_code == 400, body


async def test_wrong_keys_are_counted(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    for number in range(20):
        wrong = f"emp_k3f09xq2_{number:043}"
        assert (await page.post("/session", headers={"X-API-Key": wrong})).status_code == 401
    held_up = await page.post("/session", headers=await add_key("service"))
    assert held_up.status_code == 429


async def test_another_sign_in_ends_the_session_that_the_browser_had(
    page: httpx2.AsyncClient, production: FastAPI
) -> None:
    await page.post("/session", headers=token())
    first = page.cookies["__Host-emprops"]
    await page.post("/session", headers=token())
    assert page.cookies["__Host-emprops"] != first
    listed = (await page.get("/sessions")).json()["data"]
    assert [one["current"] for one in listed] == [True]
    page.cookies.set("__Host-emprops", first, domain="emprops.example")
    assert (await page.get("/me")).status_code == 401


async def test_a_user_has_at_most_a_hundred(production: FastAPI, database: Database) -> None:
    user = UUID(int=7)
    for _ in range(103):
        async with browser(production) as client:
            assert (await client.post("/session", headers=token(user))).status_code == 201
    async with database.reader() as reader:
        live = await reader.fetch_value("SELECT count(*) FROM session WHERE revoked_at IS NULL")
    assert live == 100
