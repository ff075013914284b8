"""Sign-in at an OpenID provider: at one that others wrote, and at one that lies."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.sessions.conftest import ANNA
from tests.sessions.oidc.providers import Console, console_at, go, real_provider

from emprops.auth import store
from emprops.kit.database import Database
from emprops.settings import Settings

pytestmark = pytest.mark.timeout(90)


# --- at a provider that others wrote


@pytest.mark.parametrize(("allowed", "role"), [("anna@example.com", "operator"), ("", "user")])
async def test_people_sign_in_at_a_real_provider(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, allowed: str, role: str
) -> None:
    async def fill_in(browser: httpx2.AsyncClient, url: str) -> str:
        form = await browser.get(url)
        assert "Authorize Client" in form.text
        sent = await browser.post(url, data={"sub": "anna"})
        assert sent.status_code == 302, sent.text
        return str(sent.headers["location"])

    async with (
        real_provider(sub="anna", name="Anna", email="anna@example.com", email_verified=True) as issuer,
        console_at(issuer, settings, database, redis, tmp_path, oidc_operators=allowed) as console,
    ):
        assert await console.sign_in(fill_in) == "/console/jobs"
        caller = await console.me()
        assert (caller["name"], caller["email"], caller["role"]) == ("Anna", "anna@example.com", role)
        assert (caller["session"]["way"], caller["session"]["made_by"]) == ("oidc", issuer)
        async with database.reader() as reader:
            known = await store.find_identity(reader, issuer, "anna")
        assert caller["user_id"] == str(known)
        await console.sign_in(fill_in)
        assert (await console.me())["user_id"] == str(known)


# --- how the browser goes


async def test_where_the_browser_goes(console: Console, provider: FakeProvider) -> None:
    state = (await console.browser.get(f"{console.base}/session")).json()["data"]
    assert state["ways"] == ["oidc", "key", "link"]
    sent = await console.browser.get(f"{console.base}/session/oidc")
    url = urlsplit(sent.headers["location"])
    asked = {name: value[0] for name, value in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.base}/authorize"
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": console.redirect_uri,
        "scope": "openid email profile",
    }
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    [cookie] = sent.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    assert name == "emprops-oidc"
    assert {"HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax"} <= set(rest.split("; "))
    kept = rest.partition(";")[0]
    assert not {kept} & set(asked.values())
    came = await console.browser.get(await go(console.browser, sent.headers["location"]))
    assert came.headers["location"] == "/console/"
    cookies = {one.partition("=")[0]: one for one in came.headers.get_list("set-cookie")}
    assert "SameSite=strict" in cookies["emprops"]
    assert "Max-Age=0" in cookies["emprops-oidc"]


async def test_over_https_the_state_is_kept_by_a_host_cookie(
    production: FastAPI, settings: Settings, provider: FakeProvider
) -> None:
    from emprops.sessions.oidc_client import OidcClient

    production.state.oidc = client = OidcClient(
        settings.model_copy(
            update={
                "oidc_issuer": provider.base,
                "oidc_client_id": CLIENT_ID,
                "outbound_allow": provider.base.partition("//")[2],
            }
        )
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=production), base_url="https://emprops.example"
    ) as browser:
        [cookie] = (await browser.get("/session/oidc")).headers.get_list("set-cookie")
    await client.close()
    assert cookie.startswith("__Host-emprops-oidc=")
    assert "Secure" in cookie


async def test_who_signs_in_is_found_as_with_tokens(
    console: Console, provider: FakeProvider, database: Database
) -> None:
    await console.sign_in(go)
    caller = await console.me()
    async with database.reader() as reader:
        assert await store.find_identity(reader, provider.base, "anna") == UUID(caller["user_id"])
    assert (caller["role"], caller["roles"], caller["email"]) == ("user", [], "")
    provider.claims = {"sub": str(ANNA)}
    await console.sign_in(go)
    assert (await console.me())["user_id"] == str(ANNA)


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"roles": ["ops"]}, "operator"),
        ({"roles": ["viewer"]}, "viewer"),
        ({"roles": ["Ops"]}, "user"),
        ({"email": "boss@example.com", "email_verified": True}, "operator"),
        ({"email": "CHIEF@example.com", "email_verified": True}, "operator"),
        ({"email": "boss@example.com", "email_verified": False}, "user"),
        ({"email": "boss@example.com", "email_verified": "true"}, "user"),
        ({"email": "boss@example.com"}, "user"),
        ({"email": "", "email_verified": True}, "user"),
        ({"email": "boss@example.com.evil.example", "email_verified": True}, "user"),
    ],
    ids=str,
)
async def test_who_is_an_operator(console: Console, provider: FakeProvider, claims: dict[str, Any], role: str) -> None:
    provider.claims |= claims
    assert await console.sign_in(go) == "/console/jobs"
    assert (await console.me())["role"] == role


async def test_what_the_token_does_not_say_is_asked_for(console: Console, provider: FakeProvider) -> None:
    provider.userinfo = {"sub": "anna", "name": "Anna", "email": "boss@example.com", "email_verified": True}
    await console.sign_in(go)
    assert (await console.me())["role"] == "operator"


async def test_another_users_information_is_refused(console: Console, provider: FakeProvider) -> None:
    provider.userinfo = {"sub": "boss", "email": "boss@example.com", "email_verified": True}
    assert await console.sign_in(go) == "/console/#sign_in=failed"


@pytest.mark.parametrize(
    ("methods", "secret", "proof"),
    [
        (None, CLIENT_SECRET, "Basic "),
        (["client_secret_post"], CLIENT_SECRET, CLIENT_SECRET),
        (["client_secret_post", "client_secret_basic"], CLIENT_SECRET, "Basic "),
        (None, "", f"-{CLIENT_ID}"),
    ],
    ids=str,
)
async def test_the_api_proves_who_it_is(
    provider: FakeProvider,
    settings: Settings,
    database: Database,
    redis: redis.asyncio.Redis,
    tmp_path: Path,
    methods: list[str] | None,
    secret: str,
    proof: str,
) -> None:
    provider.metadata = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    async with console_at(provider.base, settings, database, redis, tmp_path, oidc_client_secret=secret) as console:
        assert await console.sign_in(go) == "/console/jobs"
    [shown] = provider.secrets
    assert shown.startswith(proof)
