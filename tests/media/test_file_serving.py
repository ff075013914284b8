"""Stored files over HTTP: types, ranges, caching, and nothing that a browser would run."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI

from emprops.main import create_app
from emprops.media.ranges import UnsatisfiableRangeError, wanted_range
from emprops.media.storage import FolderStorage, Storage
from emprops.settings import Settings

CONTENT = bytes(range(256)) * 4
KEY = "generations/job/step-1-abcd-0.png"


@pytest.fixture(scope="module")
def bare_app() -> FastAPI:
    return create_app(Settings(mode="test"))


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    storage = FolderStorage(tmp_path / "files")
    await storage.put_bytes(KEY, CONTENT, "image/png")
    return storage


@pytest.fixture
async def client(bare_app: FastAPI, storage: Storage) -> AsyncIterator[httpx2.AsyncClient]:
    """Needs neither PostgreSQL nor Redis, and no caller."""
    bare_app.state.resources = SimpleNamespace(settings=Settings(mode="test"), storage=storage)
    transport = httpx2.ASGITransport(app=bare_app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_file_is_sent_whole(client: httpx2.AsyncClient, prefix: str) -> None:
    response = await client.get(f"{prefix}/files/{KEY}")
    assert response.status_code == 200
    assert response.content == CONTENT
    headers = response.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == "1024"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-disposition" not in headers
    head = await client.head(f"{prefix}/files/{KEY}")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**headers, "x-request-id": ""}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.mp3", "audio/mpeg"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
    ],
)
async def test_shown_types(client: httpx2.AsyncClient, storage: Storage, name: str, kind: str) -> None:
    await storage.put_bytes(name, b"<script>alert(1)</script>", "text/html")
    response = await client.get(f"/files/{name}")
    assert response.headers["content-type"] == kind
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.htm", "a.xml", "a.js", "a.pdf", "a.png.html", "a", "a.bin"])
async def test_downloaded_types(client: httpx2.AsyncClient, storage: Storage, name: str) -> None:
    await storage.put_bytes(name, b"<svg onload='alert(1)'>", "image/png")
    response = await client.get(f"/files/{name}")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize(
    "path",
    [
        "generations",
        "generations/",
        "",
        "missing.png",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e/x",
        "a%5Cb",
        "/etc/passwd",
        ".hidden",
        "x" * 600,
        "%FF%FE.png",
    ],
)
async def test_what_is_not_there(client: httpx2.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        response = await client.request(method, f"/files/{path}")
        assert response.status_code == 404, path
        assert "immutable" not in response.headers["cache-control"]
    assert (await client.get(f"/files/{path}")).json()["code"] == "not_found"


async def test_links_out_of_the_folder_are_not_there(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "files" / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert (await client.get("/files/link.txt")).status_code == 404


async def test_writing_is_not_possible(client: httpx2.AsyncClient) -> None:
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert (await client.request(method, f"/files/{KEY}")).status_code == 405


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-5000", 0, 1024),
        ("bytes=5-99999", 5, 1024),
        ("bytes=1023-1023", 1023, 1024),
        ("Bytes= 3-4 ", 3, 5),
    ],
)
async def test_one_range(client: httpx2.AsyncClient, asked: str, start: int, stop: int) -> None:
    response = await client.get(f"/files/{KEY}", headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == CONTENT[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"
    assert response.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
async def test_a_range_beyond_the_end(client: httpx2.AsyncClient, asked: str) -> None:
    response = await client.get(f"/files/{KEY}", headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */1024"
    assert response.json()["code"] == "no_such_range"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "bytes=" + ",".join(["0-1"] * 5000),
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "lines=0-1",
        "0-1",
        "bytes=--5",
        "bytes=" + "9" * 500 + "-",
    ],
    ids=range(10),
)
async def test_other_ranges_are_ignored(client: httpx2.AsyncClient, asked: str) -> None:
    response = await client.get(f"/files/{KEY}", headers={"Range": asked})
    assert response.status_code == 200
    assert response.content == CONTENT


async def test_a_copy_that_is_still_right_is_not_sent_again(client: httpx2.AsyncClient, storage: Storage) -> None:
    etag = (await client.get(f"/files/{KEY}")).headers["etag"]
    for asked in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        response = await client.get(f"/files/{KEY}", headers={"If-None-Match": asked})
        assert (response.status_code, response.content) == (304, b""), asked
        assert response.headers["etag"] == etag
    assert (await client.get(f"/files/{KEY}", headers={"If-None-Match": etag.strip('"')})).status_code == 200
    part = {"Range": "bytes=0-1"}
    assert (await client.get(f"/files/{KEY}", headers={**part, "If-Range": etag})).status_code == 206
    assert (await client.get(f"/files/{KEY}", headers={**part, "If-Range": '"old"'})).status_code == 200
    await storage.put_bytes(KEY, b"changed", "image/png")
    response = await client.get(f"/files/{KEY}", headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (200, b"changed")


async def test_an_empty_file(client: httpx2.AsyncClient, storage: Storage) -> None:
    await storage.put_bytes("empty.txt", b"", "text/plain")
    response = await client.get("/files/empty.txt")
    assert (response.status_code, response.content) == (200, b"")
    assert (await client.get("/files/empty.txt", headers={"Range": "bytes=0-"})).status_code == 416


def test_ranges_lie_within_the_file() -> None:
    for size in range(4):
        for first in ("", "0", "1", "3", "4"):
            for last in ("", "0", "1", "2", "9"):
                try:
                    part = wanted_range(f"bytes={first}-{last}", size)
                except UnsatisfiableRangeError:
                    continue
                if part is not None:
                    assert 0 <= part[0] < part[1] <= size
