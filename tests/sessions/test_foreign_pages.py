"""A cookie counts for pages of this very origin, and for nobody else's."""

import httpx2
import pytest
from fastapi import FastAPI
from tests.sessions.conftest import HOST, token

DECK = {"name": "Harbours"}
OWN = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": HOST},
    {"Origin": HOST},
]
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HOST},
    {"Sec-Fetch-Site": "nonsense"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://emprops.example:8443"},
    {"Origin": "https://emprops.example.evil.example"},
    {"Origin": "https://evil.example@emprops.example"},
    {"Origin": "ftp://emprops.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
]
NEITHER = [{}, {"Sec-Fetch-Site": "none"}]
"""Of programs, and of people who type an address."""


@pytest.fixture
async def cookie(page: httpx2.AsyncClient) -> str:
    await page.post("/session", headers=token())
    return f"__Host-emprops={page.cookies['__Host-emprops']}"


@pytest.fixture
def bare(production: FastAPI) -> httpx2.AsyncClient:
    """A client that says nothing of where its requests come from."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=production), base_url=HOST)


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_own_pages_may_do_everything(bare: httpx2.AsyncClient, cookie: str, headers: dict[str, str]) -> None:
    headers |= {"Cookie": cookie}
    assert (await bare.get("/decks", headers=headers)).status_code == 200
    assert (await bare.post("/ws/ticket", headers=headers)).status_code == 201
    assert (await bare.delete("/session", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_pages_of_others_may_do_nothing(bare: httpx2.AsyncClient, cookie: str, headers: dict[str, str]) -> None:
    headers |= {"Cookie": cookie}
    assert (await bare.get("/decks", headers=headers)).status_code == 401
    assert not (await bare.get("/session", headers=headers)).json()["data"]["signed_in"]
    for method, path in (("POST", "/ws/ticket"), ("DELETE", "/session"), ("POST", "/session"), ("PATCH", "/decks/x")):
        refused = await bare.request(method, path, headers=headers)
        assert refused.status_code == 403, (method, path)
        assert "set-cookie" not in refused.headers
    assert (await bare.get("/me", headers={"Cookie": cookie})).status_code == 200, "the session is still there"


@pytest.mark.parametrize("headers", NEITHER, ids=str)
async def test_programs_may_read_by_cookie(bare: httpx2.AsyncClient, cookie: str, headers: dict[str, str]) -> None:
    headers |= {"Cookie": cookie}
    assert (await bare.get("/decks", headers=headers)).status_code == 200
    refused = await bare.post("/ws/ticket", headers=headers)
    assert refused.status_code == 403
    assert "a key or a token" in refused.json()["error"]


async def test_a_key_is_no_cookie(bare: httpx2.AsyncClient, cookie: str) -> None:
    """Who sends a key or a token means it, from wherever."""
    headers = token() | {"Cookie": cookie, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await bare.post("/ws/ticket", headers=headers)).status_code == 201


@pytest.mark.parametrize(("host", "name"), [("emprops.example", "emprops"), ("localhost:3001", "__Host-emprops")])
async def test_the_other_name_counts_for_nothing(bare: httpx2.AsyncClient, cookie: str, host: str, name: str) -> None:
    secret = cookie.partition("=")[2]
    assert (await bare.get("/me", headers={"Host": host, "Cookie": f"{name}={secret}"})).status_code == 401


async def test_cors_lets_no_cookie_through(bare: httpx2.AsyncClient, cookie: str) -> None:
    reply = await bare.get("/decks", headers={"Cookie": cookie, "Origin": "https://evil.example"})
    assert not [name for name in reply.headers if name.startswith("access-control")]
