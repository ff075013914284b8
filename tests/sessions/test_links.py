"""Links that sign somebody in once."""

import json
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from tests.engines import Engines
from tests.sessions.conftest import ANNA, HOST, MakeKey, browser, token
from typer.testing import CliRunner, Result

from emprops.auth import granting, role_store
from emprops.auth.sessions import digest_of, make_secret
from emprops.cli.main import app as commands
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.sessions import link_store
from emprops.sessions.link_store import NewLink

USED = "The link was used already, or is older than 15 minutes; ask for a new one."


def ticket_in(url: str) -> str:
    """What the page at a link sends."""
    parts = urlsplit(url)
    assert (parts.path, parts.query) == ("/console/", "")
    name, _, ticket = parts.fragment.partition("=")
    assert name == "ticket"
    return ticket


async def made(page: httpx2.AsyncClient, key: dict[str, str], **body: str) -> str:
    reply = await page.post("/session/links", headers=key, json={"user_id": str(ANNA), **body})
    assert reply.status_code == 201, reply.text
    return ticket_in(reply.json()["data"]["url"])


async def test_a_service_makes_links_for_its_users(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    key = await add_key("service")
    reply = await page.post("/session/links", headers=key, json={"user_id": str(ANNA)})
    link = reply.json()["data"]
    assert (link["user_id"], link["role"]) == (str(ANNA), "user")
    assert link["url"].startswith(f"{HOST}/console/#ticket=")
    session = (await page.post("/session", json={"ticket": ticket_in(link["url"])})).json()["data"]
    assert {name: session[name] for name in ("user_id", "role", "way", "made_by", "reads_only")} == {
        "user_id": str(ANNA),
        "role": "user",
        "way": "link",
        "made_by": f"key:{key['X-API-Key'][:12]}",
        "reads_only": False,
    }
    assert (await page.get("/me")).json()["data"]["user_id"] == str(ANNA)


async def test_a_link_works_once(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    ticket = await made(page, await add_key("service"))
    assert (await page.post("/session", json={"ticket": ticket})).status_code == 201
    again = await page.post("/session", json={"ticket": ticket})
    assert (again.status_code, again.json()["error"]) == (401, USED)
    assert (await page.get("/me")).status_code == 200, "the session that it made goes on"


async def test_a_link_is_for_15_minutes(page: httpx2.AsyncClient, add_key: MakeKey, database: Database) -> None:
    ticket = await made(page, await add_key("service"))
    async with database.transaction() as tx:
        [row] = await tx.fetch_dicts("SELECT *, expires_at - created_at AS life FROM sign_in_link")
        assert (row["life"].total_seconds(), row["ticket_hash"]) == (900, digest_of(ticket))
        await tx.execute("UPDATE sign_in_link SET expires_at = now()")
    assert (await page.post("/session", json={"ticket": ticket})).json()["error"] == USED
    assert await link_store.remove_unused(database) == 1


async def test_links_may_be_for_viewers_and_operators(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    key = await add_key("service")
    await page.post("/session", json={"ticket": await made(page, key, role="viewer")})
    assert (await page.get("/api/workers")).status_code == 200
    assert (await page.post("/api/workers/pause")).status_code == 403
    await page.post("/session", json={"ticket": await made(page, key, role="operator")})
    invited = await page.post("/session/links", json={"user_id": str(ANNA), "role": "operator"})
    assert invited.status_code == 201, "operators invite others"


async def test_what_a_link_began_ends_with_the_key(
    page: httpx2.AsyncClient, production: FastAPI, add_key: MakeKey, database: Database
) -> None:
    key = await add_key("service")
    unused = await made(page, key)
    await page.post("/session", json={"ticket": await made(page, key, role="operator")})
    async with browser(production) as invited:
        link = await page.post("/session/links", json={"user_id": str(ANNA), "role": "operator"})
        await invited.post("/session", json={"ticket": ticket_in(link.json()["data"]["url"])})
        assert (await invited.get("/me")).status_code == 200
        async with database.transaction() as tx:
            await tx.execute("UPDATE api_key SET revoked_at = now()")
        production.state.sessions._remembered.clear()  # 15 s later
        for one in (page, invited):
            assert (await one.get("/me")).status_code == 401
    assert (await page.post("/session", json={"ticket": unused})).status_code == 401


async def test_what_an_operator_vouched_for_ends_with_the_role(
    page: httpx2.AsyncClient, production: FastAPI, database: Database
) -> None:
    async with database.transaction() as tx:
        await role_store.grant(tx, ANNA, "operator", by="the test")

    async def link(user_id: UUID, role: str) -> str:
        body = {"user_id": str(user_id), "role": role}
        reply = await page.post("/session/links", headers=token(), json=body)
        return ticket_in(reply.json()["data"]["url"])

    bert = new_id()
    own, others, used = await link(ANNA, "operator"), await link(bert, "user"), await link(bert, "operator")
    by_another = make_secret()
    async with database.transaction() as tx:
        await link_store.add(tx, NewLink(bert, "user", "user:somebody"), digest_of(by_another))
    session = (await page.post("/session", json={"ticket": used})).json()["data"]
    async with database.transaction() as tx:
        await granting.revoke(tx, ANNA, "operator", actor="the test")
    production.state.sessions._remembered.clear()  # 15 s later
    assert (await page.get("/me")).status_code == 401
    for ticket in (own, others):
        assert (await page.post("/session", json={"ticket": ticket})).status_code == 401
    assert (await page.post("/session", json={"ticket": by_another})).status_code == 201
    async with database.reader() as reader:
        noted = await reader.fetch_dicts("SELECT target, user_id FROM audit_entry WHERE action = 'session.revoked'")
    assert noted == [{"target": f"session:{session['id']}", "user_id": bert}]


async def test_users_make_no_links(page: httpx2.AsyncClient, add_key: MakeKey, database: Database) -> None:
    body = {"user_id": str(ANNA)}
    assert (await page.post("/session/links", headers=token(), json=body)).status_code == 403
    assert (await page.post("/session/links", headers=await add_key("read"), json=body)).status_code == 403
    async with database.transaction() as tx:
        await role_store.grant(tx, ANNA, "viewer", by="the test")
    assert (await page.post("/session/links", headers=token(), json=body)).status_code == 403


async def test_wrong_tickets_are_counted(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    right = await made(page, await add_key("service"))
    for number in range(20):
        assert (await page.post("/session", json={"ticket": f"wrong-{number}"})).status_code == 401
    assert (await page.post("/session", json={"ticket": right})).status_code == 429


async def test_a_ticket_comes_alone(page: httpx2.AsyncClient, add_key: MakeKey) -> None:
    ticket = await made(page, await add_key("service"))
    for headers, more in ((token(), {}), ({}, {"role": "operator"})):
        refused = await page.post("/session", headers=headers, json={"ticket": ticket, **more})
        assert refused.status_code == 400
    foreign = await page.post("/session", headers={"Sec-Fetch-Site": "cross-site"}, json={"ticket": ticket})
    assert foreign.status_code == 403
    assert (await page.post("/session", json={"ticket": ticket})).status_code == 201
    for wrong in ("", "x" * 101, 7):
        assert (await page.post("/session", json={"ticket": wrong})).status_code == 400


async def test_links_and_sessions_are_on_the_audit_log(
    page: httpx2.AsyncClient, add_key: MakeKey, database: Database
) -> None:
    key = await add_key("service")
    ticket = await made(page, key, role="operator")
    session = (await page.post("/session", json={"ticket": ticket})).json()["data"]
    async with database.reader() as reader:
        rows = await reader.fetch_dicts("SELECT actor, action, target, user_id, details FROM audit_entry ORDER BY id")
    maker = f"key:{key['X-API-Key'][:12]}"
    told = [row for row in rows if row["user_id"] == ANNA]
    assert [(row["actor"], row["action"]) for row in told] == [
        (maker, "sign_in_link.created"),
        (f"user:{ANNA}", "user.signed_in"),
    ]
    assert told[1]["target"] == f"session:{session['id']}"
    assert told[1]["details"] == {"way": "link", "role": "operator", "by": maker}
    assert ticket not in str(rows)


# --- operators


async def test_operators_see_and_end_the_sessions_of_users(
    page: httpx2.AsyncClient, production: FastAPI, add_key: MakeKey, database: Database
) -> None:
    session = (await page.post("/session", headers=token())).json()["data"]["id"]
    async with browser(production) as desk:
        operator = (await desk.post("/session", headers=await add_key("service"))).json()["data"]["user_id"]
        [shown] = (await desk.get(f"/operator/users/{ANNA}/sessions")).json()["data"]
        assert (shown["id"], shown["current"]) == (session, False)
        assert (await desk.delete(f"/operator/sessions/{session}")).json()["data"]["user_id"] == str(ANNA)
        assert (await desk.delete(f"/operator/sessions/{session}")).status_code == 404
    assert (await page.get("/me")).status_code == 401
    async with database.reader() as reader:
        rows = await reader.fetch_dicts("SELECT actor, action, target FROM audit_entry WHERE user_id = %s", [ANNA])
    assert {"actor": f"user:{operator}", "action": "session.revoked", "target": f"session:{session}"} in rows
    assert {"actor": f"user:{operator}", "action": "foreign.read", "target": f"user:{ANNA}"} in rows


# --- at the terminal


@pytest.fixture
def terminal(engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("EMPROPS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EMPROPS_PUBLIC_URL", f"{HOST}/")


def link(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["console", "link", *arguments])


@pytest.mark.usefixtures("terminal")
async def test_the_first_operator_comes_by_a_link_from_the_server(
    page: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPROPS_MODE", "production")
    printed = json.loads((await in_thread("--json")).stdout)
    assert printed["role"] == "operator"
    session = (await page.post("/session", json={"ticket": ticket_in(printed["url"])})).json()["data"]
    assert (session["user_id"], session["role"]) == (printed["user_id"], "operator")
    assert session["made_by"].startswith("cli:")
    assert (await page.post("/keys", json={"name": "web", "scopes": ["service"]})).status_code == 201
    again = json.loads((await in_thread("--json", "--role", "viewer")).stdout)
    assert again["user_id"] == printed["user_id"], "a login is one user"


@pytest.mark.usefixtures("terminal")
async def test_a_link_is_printed_alone(page: httpx2.AsyncClient, tmp_path: Path) -> None:
    shown = await in_thread("--user", str(ANNA), "--role", "user")
    [url] = shown.stdout.splitlines()
    assert "It works once, for 15 minutes." in shown.stderr
    session = (await page.post("/session", json={"ticket": ticket_in(url)})).json()["data"]
    assert (session["user_id"], session["role"]) == (str(ANNA), "user")
    local = json.loads((await in_thread("--json")).stdout)
    assert local["user_id"] == json.loads((tmp_path / "local.json").read_text())["user_id"]
    assert "There is no role king" in (await in_thread("--role", "king")).stderr


async def in_thread(*arguments: str) -> Result:
    """Run the command where it finds no running event loop."""
    import asyncio

    return await asyncio.to_thread(link, *arguments)
