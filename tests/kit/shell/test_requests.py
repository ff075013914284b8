"""What every request meets: strict bodies and URLs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from tests.kit.shell.rig import check_failure

from emprops.settings import Settings


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Request body: a JSON body is required"),
        (b" \r\n", "Request body: a JSON body is required"),
        (b"null", "Request body: must be a JSON object"),
        (b"[]", "Request body: must be a JSON object"),
        (b'"text"', "Request body: must be a JSON object"),
        (b"{}", "name is required"),
        (b'{"name": 1}', "name: Input should be a valid string"),
        (b'{"name": "a", "size": 0}', "size: Input should be greater than or equal to 1"),
        (b'{"name": "a", "inner": {"x": "y"}}', "inner.x: Input should be a valid integer"),
        (b'{"name": "a", "owner": "me"}', "owner: Extra inputs are not permitted"),
        (b'{"name": ', "The body is not valid JSON"),
        (b'{"name": NaN}', "The body is not valid JSON"),
        (b'{"name": "\\u0000"}', "The JSON body contains a NUL character"),
        (b'{"name": "a", "size": 18446744073709551616}', "The JSON body has an integer outside"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "The JSON body is nested deeper than 64 levels"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "The JSON body is nested deeper than 64 levels"),
    ],
)
async def test_bad_bodies_are_400_with_a_sentence(api: httpx2.AsyncClient, content: bytes, sentence: str) -> None:
    response = await api.post("/echo", content=content, headers={"Content-Type": "application/json"})
    body = check_failure(response, 400, response.json()["code"])
    assert body["error"].startswith(sentence)
    assert body["code"] in ("bad_request", "malformed_json")


async def test_what_was_sent_is_not_repeated(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "secret" * 1000, "inner": {"k" * 200: "secret" * 1000}})
    body = check_failure(response, 400, "bad_request")
    assert "secret" not in response.text
    assert len(response.content) < 1500
    assert {item["field"].split(".")[0] for item in body["details"]} == {"name", "inner"}


async def test_many_problems_are_cut(api: httpx2.AsyncClient) -> None:
    response = await api.post("/echo", json={"name": "a", "inner": dict.fromkeys(map(str, range(500)), "x")})
    assert len(check_failure(response, 400, "bad_request")["details"]) == 20


async def test_an_optional_body_may_be_missing(api: httpx2.AsyncClient) -> None:
    assert (await api.post("/maybe")).json()["data"] is False
    assert (await api.post("/maybe", json={"name": "a"})).json()["data"] is True
    check_failure(await api.post("/maybe", json={"name": 1}), 400, "bad_request")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
async def test_only_json_is_json(api: httpx2.AsyncClient, kind: str) -> None:
    response = await api.post("/echo", content=b'{"name": "a"}', headers={"Content-Type": kind} if kind else {})
    assert "Content-Type: application/json" in check_failure(response, 415, "unsupported_media_type")["error"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/ld+json"])
async def test_json_has_several_names(api: httpx2.AsyncClient, kind: str) -> None:
    response = await api.post("/echo", content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert response.status_code == 200


async def test_compressed_bodies_are_refused(api: httpx2.AsyncClient) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    check_failure(await api.post("/echo", content=b"\x1f\x8b", headers=headers), 415, "unsupported_media_type")


async def test_large_bodies_are_refused_declared_or_not(api: httpx2.AsyncClient, settings: Settings) -> None:
    large = b'{"name": "' + b"x" * settings.max_body_bytes + b'"}'
    json = {"Content-Type": "application/json"}
    check_failure(await api.post("/echo", content=large, headers=json), 413, "too_large")
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for start in range(0, len(large), 65536):
            read += 1
            yield large[start : start + 65536]
        while True:  # never ends by itself
            read += 1
            yield b"x" * 65536

    check_failure(await api.post("/echo", content=chunks(), headers=json), 413, "too_large")
    assert read * 65536 < settings.max_body_bytes + 3 * 65536
    check_failure(await api.post("/small", json={"a": "x" * 100}), 413, "too_large")
    assert (await api.post("/small", json={"a": "x" * 10})).status_code == 200


async def test_a_body_that_does_not_come_is_given_up(extended: FastAPI, settings: Settings) -> None:
    """Straight ASGI: a client that sends half a body and then nothing."""
    quick = extended.state.resources
    object.__setattr__(quick, "settings", settings.model_copy(update={"body_timeout": 0.05}))
    sent: list[dict[str, Any]] = []
    parts: Iterator[dict[str, Any]] = iter([{"type": "http.request", "body": b'{"na', "more_body": True}])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()
        assert part is not None
        return part

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/echo", "raw_path": b"/echo", "query_string": b""}
    await extended({**scope, "headers": headers, "client": ("127.0.0.1", 1), "server": ("x", 80)}, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "url",
    [
        "/things/not-a-uuid",
        "/things/00000000-0000-0000-0000-00000000000",
        "/things/{id}?limit=0",
        "/things/{id}?limit=201",
        "/things/{id}?limit=-1",
        "/things/{id}?limit=x",
        "/things/{id}?limit=",
        "/things/{id}?limit=1e9",
        "/things/{id}?offset=-1",
        "/things/{id}?offset=9223372036854775808",
        "/things/{id}?offset=99999999999999999999999999999999999",
        "/things/{id}?page=0",
        "/things/{id}?page=2147483647&size=200",
        "/things/{id}?limit=1&size=2",
        "/things/{id}?offset=1&page=2",
        "/things/{id}?kind=123456",
        "/things/%00",
        "/things/{id}?kind=%00",
        "/number/2147483648",
        "/number/99999999999999999999999999",
        "/whoami/a%00b",
    ],
)
async def test_bad_urls_are_400(api: httpx2.AsyncClient, url: str) -> None:
    with capture_logs():
        response = await api.get(url.replace("{id}", "00000000-0000-0000-0000-000000000001"))
    check_failure(response, 400, "bad_request")


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", [50, 0]),
        ("?limit=1&offset=7", [1, 7]),
        ("?limit=200", [200, 0]),
        ("?page=3&size=20", [20, 40]),
        ("?page=2", [50, 50]),
        ("?size=5&offset=2", [5, 2]),
        ("?limit=5&size=5", [5, 0]),
    ],
)
async def test_pages(api: httpx2.AsyncClient, query: str, page: list[int]) -> None:
    response = await api.get(f"/things/00000000-0000-0000-0000-000000000001{query}")
    assert response.json()["data"] == page
