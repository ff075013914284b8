"""How long sessions hold, and how they end."""

from functools import partial
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api
from tests.factories import make_session
from tests.plans import Explaining, gather
from tests.sessions.conftest import ANNA, MakeKey, browser, fresh_id, in_production, set_session, token

from emprops.auth import granting, role_store, session_store
from emprops.auth.sessions import REMEMBER
from emprops.kit.database import Database
from emprops.kit.web.paging import Page
from emprops.sessions import queries, store
from emprops.settings import Settings

COOKIE = "__Host-emprops"


def later(*apps: FastAPI, seconds: float = REMEMBER) -> None:
    """Let time pass for what a process remembers of sessions."""
    for app in apps:
        ring = app.state.sessions
        ring._clock = partial(float, ring._clock() + seconds)


async def signed_in(page: httpx2.AsyncClient, **more: object) -> str:
    made = await page.post("/session", headers=token(), **more)  # type: ignore[arg-type]
    return str(made.json()["data"]["id"])


@pytest.mark.parametrize(
    "change",
    [
        "expires_at = now()",
        "last_seen_at = now() - interval '12 hours'",
        "revoked_at = now()",
    ],
)
async def test_a_session_ends(page: httpx2.AsyncClient, production: FastAPI, database: Database, change: str) -> None:
    session = await signed_in(page)
    assert (await page.get("/me")).status_code == 200
    await set_session(database, session, change)
    assert (await page.get("/me")).status_code == 200, "believed for a while"
    later(production)
    ended = await page.get("/me")
    assert (ended.status_code, ended.json()["error"]) == (401, "The session has ended; sign in again.")
    state = await page.get("/session")
    assert state.json()["data"] == {"signed_in": False, "ways": ["key", "link"], "session": None}
    assert "Max-Age=0" in state.headers["set-cookie"], "the browser keeps no dead cookie"
    assert (await page.get("/me")).json()["error"].startswith("Unauthorized")


async def test_use_keeps_it_alive_and_is_written_once_a_minute(
    page: httpx2.AsyncClient, production: FastAPI, database: Database
) -> None:
    session = await signed_in(page)

    async def seen() -> object:
        async with database.reader() as reader:
            return await reader.fetch_value("SELECT last_seen_at FROM session")

    first = await seen()
    later(production)
    await page.get("/me")
    assert await seen() == first
    await set_session(database, session, "last_seen_at = now() - interval '11 hours'")
    later(production, seconds=2 * REMEMBER)
    await page.get("/me")
    later_on = await seen()
    assert later_on > first  # type: ignore[operator]


async def test_signing_out_clears_the_cookie_and_ends_the_session(page: httpx2.AsyncClient, database: Database) -> None:
    await signed_in(page)
    secret = page.cookies[COOKIE]
    out = await page.delete("/session")
    assert out.json()["data"] == {"signed_in": False, "ways": ["key", "link"], "session": None}
    [cookie] = out.headers.get_list("set-cookie")
    assert {"Max-Age=0", "Path=/", "Secure", "HttpOnly"} <= set(cookie.split("; "))
    assert not page.cookies
    page.cookies.set(COOKIE, secret, domain="emprops.example")
    assert (await page.get("/me")).status_code == 401, "at once, in this process"
    assert (await page.delete("/session")).status_code == 200, "again, it changes nothing"
    async with database.reader() as reader:
        entries = await reader.fetch_dicts("SELECT actor, action, user_id FROM audit_entry ORDER BY id")
    assert [(one["actor"], one["action"]) for one in entries if "session" in one["action"]] == [
        (f"user:{ANNA}", "session.revoked")
    ]


async def test_a_revocation_reaches_every_process_within_15_seconds(
    page: httpx2.AsyncClient,
    production: FastAPI,
    settings: Settings,
    database: Database,
    redis: redis.asyncio.Redis,
    tmp_path: Path,
) -> None:
    session = await signed_in(page)
    other_process = in_production(settings, upkeep_in_api=False)
    async with api(other_process, database, redis, tmp_path) as second, browser(second) as elsewhere:
        elsewhere.cookies.update(page.cookies)
        assert (await elsewhere.get("/me")).status_code == 200
        assert (await page.delete(f"/sessions/{session}")).json()["data"] == {"id": session, "user_id": str(ANNA)}
        assert (await page.get("/me")).status_code == 401
        later(second, seconds=REMEMBER)
        assert (await elsewhere.get("/me")).status_code == 401


async def test_users_list_and_end_their_own(page: httpx2.AsyncClient, production: FastAPI, database: Database) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    mine = await signed_in(page)
    async with browser(production) as phone:
        other = (await phone.post("/session", headers=token() | {"User-Agent": agent})).json()["data"]["id"]
        listed = (await page.get("/sessions")).json()["data"]
        assert [(one["id"], one["current"]) for one in listed] == [(other, False), (mine, True)]
        assert listed[0]["user_agent"] == "Firefox on Linux"
        assert [one["id"] for one in (await page.get("/sessions?limit=1&offset=1")).json()["data"]] == [mine]
        assert (await page.delete(f"/sessions/{other}")).status_code == 200
        assert (await phone.get("/me")).status_code == 401
    assert [one["id"] for one in (await page.get("/sessions")).json()["data"]] == [mine]
    async with database.transaction() as tx:
        await make_session(tx)
        foreign = await tx.fetch_value("SELECT id FROM session ORDER BY id DESC LIMIT 1")
    for unknown in (foreign, other, fresh_id()):
        assert (await page.delete(f"/sessions/{unknown}")).status_code == 404


async def test_a_grant_counts_in_a_session_as_long_as_it_is_there(
    page: httpx2.AsyncClient, production: FastAPI, database: Database
) -> None:
    async with database.transaction() as tx:
        await role_store.grant(tx, ANNA, "operator", by="the test")
    await signed_in(page)
    assert (await page.get("/me")).json()["data"]["role"] == "operator"
    async with browser(production) as other:
        await signed_in(other, json={"role": "operator"})
        async with database.transaction() as tx:
            await granting.revoke(tx, ANNA, "operator", actor="the test")
        assert (await page.get("/api/workers")).status_code == 403, "at once"
        later(production)
        assert (await other.get("/me")).status_code == 401, "a session on the strength of it ends"
    assert (await page.get("/me")).json()["data"]["role"] == "user"


async def test_headers_go_before_the_cookie(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    await signed_in(page)
    bert = fresh_id()
    named = await page.get("/me", headers=await add_key("service") | {"user_id": bert})
    assert named.json()["data"]["user_id"] == bert
    assert named.json()["data"]["session"] is None
    assert (await page.get("/me", headers={"user_id": bert})).json()["data"]["user_id"] == str(ANNA)
    assert (await page.get("/me", headers={"X-API-Key": "emp_abc"})).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "a" * 43, "é" * 43, "a" * 5000, "a" * 42 + "="])
async def test_cookies_that_are_none_of_ours_are_nobody(page: httpx2.AsyncClient, value: str) -> None:
    headers = {"Cookie": f"{COOKIE}={value}".encode()}
    assert (await page.get("/me", headers=headers)).status_code == 401
    assert (await page.get("/session", headers=headers)).status_code == 200


async def test_guessing_is_held_up(page: httpx2.AsyncClient) -> None:
    for number in range(20):
        assert (await page.get("/me", headers={"Cookie": f"{COOKIE}={number:043}"})).status_code == 401
    assert (await page.get("/me", headers={"Cookie": f"{COOKIE}={21:043}"})).status_code == 429


async def test_indexes_serve_sessions(database: Database) -> None:
    async with database.transaction() as tx:
        for _ in range(50):
            await make_session(tx)
        for _ in range(50):
            await make_session(tx, ANNA)
        await gather(tx, "session")
        explaining = Explaining(tx.connection)
        await queries.sessions_of(explaining, ANNA, Page())
        assert "session_of_user" in explaining.plan
        assert "Sort" not in explaining.plan
        await session_store.find_session(explaining, bytes(32))
        assert "session_secret_hash_key" in explaining.plan
        await session_store.live_among(explaining, [ANNA])
        assert "session_pkey" in explaining.plan


async def test_what_has_ended_is_removed(page: httpx2.AsyncClient, production: FastAPI, database: Database) -> None:
    session = await signed_in(page)
    assert await store.remove_ended(database) == 0
    await set_session(database, session, "last_seen_at = now() - interval '12 hours'")
    assert await store.remove_ended(database) == 1
