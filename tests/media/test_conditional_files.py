"""Conditional requests for stored files, over HTTP, on a folder and as a pure decision (RFC 9110 §13)."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI

from emprops.main import create_app
from emprops.media.conditions import decide, http_date, range_applies
from emprops.media.storage import FolderStorage
from emprops.settings import Settings

KEY = "generations/job/step-1-abcd-0.png"
THEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BEFORE, AFTER = (http_date(THEN + timedelta(seconds=step)) for step in (-1, 1))
SAME = http_date(THEN)
PART = {"Range": "bytes=0-1"}


@pytest.fixture(scope="module")
def bare_app() -> FastAPI:
    return create_app(Settings(mode="test"))


@pytest.fixture
async def client(bare_app: FastAPI, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    storage = FolderStorage(tmp_path)
    await storage.put_bytes(KEY, bytes(range(100)), "image/png")
    os.utime(tmp_path / KEY, (THEN.timestamp() + 0.25,) * 2)
    bare_app.state.resources = SimpleNamespace(settings=Settings(mode="test"), storage=storage)
    transport = httpx2.ASGITransport(app=bare_app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_the_time_of_a_file_is_told(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"/files/{KEY}")).headers["last-modified"] == SAME == "Wed, 04 Mar 2026 05:06:07 GMT"


async def test_head_ignores_range(client: httpx2.AsyncClient) -> None:
    for asked in (PART, {"Range": "bytes=500-"}):
        response = await client.head(f"/files/{KEY}", headers=asked)
        assert (response.status_code, response.headers["content-length"]) == (200, "100")
        assert "content-range" not in response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_another_version_is_412(client: httpx2.AsyncClient, method: str) -> None:
    etag = (await client.get(f"/files/{KEY}")).headers["etag"]

    async def status(headers: dict[str, str]) -> int:
        return (await client.request(method, f"/files/{KEY}", headers=headers)).status_code

    part = 206 if method == "GET" else 200
    assert await status({"If-Match": etag}) == 200
    assert await status({"If-Match": f'"other", {etag}'}) == 200
    assert await status({"If-Match": "*"}) == 200
    assert await status({"If-Match": etag, **PART}) == part
    assert await status({"If-Match": '"other"'}) == 412
    assert await status({"If-Match": '"other"', **PART}) == 412
    assert await status({"If-Match": f"W/{etag}"}) == 412
    assert await status({"If-Unmodified-Since": BEFORE}) == 412
    assert await status({"If-Unmodified-Since": SAME}) == 200
    assert await status({"If-Unmodified-Since": SAME, **PART}) == part


async def test_the_refusal_says_why(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"/files/{KEY}", headers={"If-Match": '"other"'})
    assert response.json()["code"] == "precondition_failed"
    assert "immutable" not in response.headers["cache-control"]
    missing = await client.get("/files/generations/none.png", headers={"If-Match": '"other"'})
    assert missing.status_code == 404


async def test_what_the_client_has_by_time(client: httpx2.AsyncClient) -> None:
    for since, status in [(BEFORE, 200), (SAME, 304), (AFTER, 304), ("yesterday", 200)]:
        response = await client.get(f"/files/{KEY}", headers={"If-Modified-Since": since})
        assert response.status_code == status, since
    assert response.headers["last-modified"] == SAME


async def test_a_range_of_a_known_version(client: httpx2.AsyncClient) -> None:
    for named, status in [(SAME, 206), (BEFORE, 200), (AFTER, 200), ('W/"x"', 200), ("nonsense", 200)]:
        response = await client.get(f"/files/{KEY}", headers={**PART, "If-Range": named})
        assert response.status_code == status, named


ETAG = '"a,b"'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-match": '"x", "a,b"'}, 200),
        ({"if-match": ""}, 412),
        ({"if-match": "a,b"}, 412),
        # If-Match decides, and If-Unmodified-Since is ignored
        ({"if-match": ETAG, "if-unmodified-since": BEFORE}, 200),
        ({"if-match": '"x"', "if-unmodified-since": AFTER}, 412),
        # a failed If-Match comes before a matching If-None-Match, and that before the dates
        ({"if-match": '"x"', "if-none-match": ETAG}, 412),
        ({"if-match": ETAG, "if-none-match": ETAG}, 304),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, 200),
        ({"if-none-match": f"W/{ETAG}", "if-modified-since": BEFORE}, 304),
        ({"if-unmodified-since": BEFORE, "if-none-match": ETAG}, 412),
        ({"if-unmodified-since": "soon", "if-modified-since": SAME}, 304),
    ],
)
def test_precedence(headers: dict[str, str], status: int) -> None:
    assert decide(headers, ETAG, THEN + timedelta(milliseconds=400)) == status


def test_without_a_time_only_versions_count() -> None:
    for name in ("if-unmodified-since", "if-modified-since"):
        assert decide({name: BEFORE}, ETAG, None) == 200
    assert not range_applies({"if-range": SAME}, ETAG, None)
    assert range_applies({"if-range": ETAG}, ETAG, None)


def test_a_range_by_the_time_of_this_second_does_not_count() -> None:
    now = datetime.now(UTC)
    assert not range_applies({"if-range": http_date(now)}, ETAG, now)
