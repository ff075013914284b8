"""The client of hosted services: it talks to one server, and takes only what it can hold."""

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.apps import served

from emprops.connectors.base import BadInputError, FinalError, RetryableError
from emprops.connectors.hosted import Bounds, client_for, hiding, same_origin, status_error


def packed(body: bytes, how: str, status: int = 200) -> Response:
    return Response(body, status, {"content-encoding": how}, "application/json")


ODD = {
    "plain": Response(b"{}", media_type="application/json"),
    "redirect": Response(status_code=302, headers={"location": "/plain"}),
    "film": Response(b" " * 600, media_type="video/mp4"),
    "large": Response(b" " * 2000, media_type="application/json"),
    "part": Response(b"{}", 206, {"content-range": "bytes 0-1/9"}, "application/json"),
    "packed": packed(gzip.compress(b'{"a": 1}'), "gzip"),
    "deflated": packed(zlib.compress(b'{"a": 1}'), "deflate"),
    "bomb": packed(gzip.compress(bytes(10_000_000)), "gzip"),
    "cut": packed(gzip.compress(b'{"a": 1}')[:-5], "gzip"),
    "junk": packed(b"no gzip", "gzip"),
    "brotli": packed(b"{}", "br"),
    "bomb-503": packed(gzip.compress(bytes(10_000_000)), "gzip", 503),
    "brotli-503": packed(b"{}", "br", 503),
}


async def odd(request: Request) -> Response:
    return ODD[request.path_params["way"]]


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with served(Starlette(routes=[Route("/{way}", odd)])) as plain:  # type: ignore[arg-type]
        made = client_for(
            str(plain.base_url), ("application/json", "video/"), setting="X", idle=5, bounds=Bounds(1000, 500)
        )
        async with made:
            yield made


async def test_it_talks_to_one_server_only(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/plain")).status_code == 200
    port = client.base_url.port
    for url in (f"http://localhost:{port}/plain", f"https://127.0.0.1:{port}/", "http://127.0.0.1/plain"):
        with pytest.raises(FinalError, match="was not sent"):
            await client.get(url)


async def test_it_stays_where_it_is_when_sent_elsewhere(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/redirect")).status_code == 302


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("bomb", "larger than 1000 bytes"),
        ("junk", "not validly compressed"),
        ("brotli", r"not accepted \(br\)"),
        ("part", "a part of the result"),
        ("large", "larger than 1000 bytes"),
        ("film", r"larger than the 500 bytes .* \(EMPROPS_MAX_RESULT_BYTES\)"),
    ],
)
async def test_what_it_cannot_hold_is_refused(client: httpx2.AsyncClient, way: str, says: str) -> None:
    with pytest.raises(FinalError, match=says):
        await client.get(f"/{way}")
    assert (await client.get("/plain")).json() == {}


@pytest.mark.parametrize("way", ["packed", "deflated"])
async def test_what_is_compressed_all_the_same_is_unpacked(client: httpx2.AsyncClient, way: str) -> None:
    assert (await client.get(f"/{way}")).json() == {"a": 1}


async def test_a_compressed_answer_that_breaks_off_may_come_whole_later(client: httpx2.AsyncClient) -> None:
    with pytest.raises(RetryableError, match="breaks off"):
        await client.get("/cut")


@pytest.mark.parametrize("way", ["bomb-503", "brotli-503"])
async def test_a_status_counts_however_its_explanation_is_sent(client: httpx2.AsyncClient, way: str) -> None:
    answer = await client.get(f"/{way}")
    assert (answer.status_code, len(answer.content) <= 64 * 1024) == (503, True)


def test_a_key_is_taken_out_of_everything() -> None:
    hide = hiding("sk-1")
    assert hide({"sk-1": ["a sk-1 b", {"n": 1, "t": ("sk-1",)}]}) == {"[key]": ["a [key] b", {"n": 1, "t": ["[key]"]}]}
    assert hiding("")("abc") == "abc"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/v1", "https://a.example:443/f.png", True),
        ("https://a.example/v1", "http://a.example/f.png", False),
        ("https://a.example/v1", "https://a.example.evil/f.png", False),
        ("https://a.example/v1", "https://a.example@evil/f.png", False),
        ("https://a.example/v1", "http://x:many/", False),
    ],
)
def test_origins(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


def test_what_a_status_means() -> None:
    busy = status_error("It", 429, {"retry-after": "9"}, "slow down", {})
    assert (type(busy), busy.retry_after) == (RetryableError, 9.0)
    secret = status_error("It", 401, {}, "wrong key sk-…89", {"name": "sk-…89"})
    assert type(secret) is FinalError
    assert "sk-" not in f"{secret.message} {secret.details}", "services quote keys in part"
    assert type(status_error("It", 422, {}, "no such size", {})) is BadInputError
