"""In production no spelling of a client's ``user_id`` header is believed, or even seen."""

import asyncio
import itertools

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message, Scope
from tests.apps import served
from tests.auth.conftest import ANNA, BERT, MakeKey, OpenApp
from tests.auth.tokens import SECRET, good

from emprops.auth.identity_header import IdentityFilter, names_user

SPELLINGS = [
    prefix + "user" + mark + "id"
    for prefix, mark in itertools.product(("", "x-", "x_", "x.", "X-X-"), ("", "_", "-", ".", "__", "-_", "~", "!"))
]


async def test_no_spelling_makes_a_user(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    reading = await add_key("read")
    for spelling in [case(spelling) for case in (str.lower, str.upper, str.title) for spelling in SPELLINGS]:
        claim = [(spelling, str(BERT)), ("user_id", str(BERT)), (spelling, "nonsense")]
        assert (await production.get("/whoami", headers=claim)).status_code == 401, spelling
        assert (await production.get("/open", headers=claim)).json()["data"] is False
        for mine in (("Authorization", f"Bearer {good()}"), ("X-API-Key", reading)):
            for headers in ([mine, *claim], [*claim, mine]):
                data = (await production.get("/whoami", headers=headers)).json()["data"]
                assert data["user"] == (str(ANNA) if mine[0] == "Authorization" else None), spelling


@given(
    st.sampled_from(["", "x", "X", "x-x"]),
    st.text("-_.!#$%&'*+^`|~", max_size=3),
    st.text("-_.~", max_size=3),
    st.data(),
)
def test_punctuation_and_case_do_not_matter(prefix: str, mark: str, end: str, data: st.DataObject) -> None:
    letters = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in "user")
    name = f"{prefix}{mark}{letters}{mark}Id{end}"
    assert names_user(name.encode())


@pytest.mark.parametrize("name", ["user", "id", "user-agent", "x-request-id", "userids", "my-user-id", "x-api-key"])
def test_other_headers_pass(name: str) -> None:
    assert not names_user(name.encode())


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_nothing_behind_the_filter_sees_it(kind: str) -> None:
    seen: list[Scope] = []

    async def application(scope: Scope, _receive: object, _send: object) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    headers = [(b"USER.ID", b"a"), (b"host", b"here"), (b"x-user-id", b"b"), (b"accept", b"*/*"), (b"user_id", b"c")]
    original: Scope = {"type": kind, "headers": headers}
    await IdentityFilter(application)(original, receive, send)
    assert Headers(scope=seen[0]).items() == [("host", "here"), ("accept", "*/*")]
    assert original == {"type": kind, "headers": headers}


async def test_routes_see_no_claim_in_production(production: httpx2.AsyncClient, add_key: MakeKey) -> None:
    sent = [
        *((spelling, str(BERT)) for spelling in SPELLINGS),
        ("x-other", "a"),
        ("X-API-Key", await add_key("service")),
    ]
    seen = (await production.get("/headers", headers=sent)).json()["data"]
    assert "x-other" in seen
    assert [name for name in seen if "user" in name and name != "user-agent"] == []


async def test_over_a_real_connection(open_app: OpenApp) -> None:
    """The server's own parser, repeated lines, a trailer after the body, and a Host made to look like a path."""
    request = (
        "POST /whoami HTTP/1.1\r\n"
        "Host: x/openapi.json?\r\n"
        f"USER_ID: {BERT}\r\nuser_id: {BERT}\r\nUser-Id: {BERT}\r\nx.user_id: {BERT}\r\nuserid: {BERT}\r\n"
        "Transfer-Encoding: chunked\r\nTrailer: user_id\r\nConnection: close\r\n%s\r\n"
        f"0\r\nuser_id: {BERT}\r\n\r\n"
    )
    async with open_app(jwt_secret=SECRET) as app, served(app) as client:
        for credential, status in (("", b"401"), (f"Authorization: Bearer {good()}\r\n", b"200")):
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write((request % credential).encode())
            answer = await reader.read()
            writer.close()
            assert answer.split(b" ", 2)[1] == status
            assert str(BERT).encode() not in answer
        assert str(ANNA).encode() in answer
