"""Result files on their way through the api: under a live claim, under its name, whole; and input files back."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.apps import served
from tests.gateway.rig import Side, add_key, storage_of
from tests.queue.helpers import kinds, lapse, make_ticket, reports

from emprops.connectors.base import FinalError
from emprops.kit.database import Database
from emprops.queue.dispatch import Queue
from emprops.queue.messages import Claim, Finished, StoredFile
from emprops.worker.remote.storage import RemoteStorage


@pytest.fixture
async def claim(queue: Queue, side: Side) -> Claim:
    await queue.enqueue([make_ticket("s")])
    return await side.worker.claim_one()


@pytest.fixture
async def storage(url: str, key: str, claim: Claim) -> AsyncIterator[RemoteStorage]:
    """Storage as the worker that holds the claim sees it."""
    async with storage_of(url, key, lambda: [claim]) as storage:
        yield storage


async def test_files_arrive_as_they_are_also_through_a_proxy_that_compresses(
    app: FastAPI, url: str, key: str, claim: Claim, storage: RemoteStorage
) -> None:
    name, content = f"{claim.files_prefix}0.json", b'{"a": 1}' * 9_000
    await storage.put_bytes(name, content, "application/json")
    async with (
        served(GZipMiddleware(app)) as behind,  # type: ignore[arg-type]
        storage_of(str(behind.base_url).rstrip("/"), key, list) as storage_behind,
    ):
        assert (await storage_behind.size(name), await storage_behind.read(name)) == (72_000, content)


@pytest.mark.parametrize(
    ("start", "status", "headers"),
    [
        (0, 206, {"content-range": "bytes 0-3/900"}),
        (5, 200, {}),
        (0, 204, {}),
        (0, 200, {"content-encoding": "gzip"}),
    ],
)
async def test_what_is_not_the_part_that_was_asked_for_is_no_file(
    key: str, start: int, status: int, headers: dict[str, str]
) -> None:
    async def odd(_: Request) -> Response:
        return Response(b"" if status == 204 else b"half", status, headers)

    async with (
        served(Starlette(routes=[Route("/{path:path}", odd)])) as server,  # type: ignore[arg-type]
        storage_of(str(server.base_url).rstrip("/"), key, list) as storage,
    ):
        with pytest.raises(OSError, match=r"as it was asked for|answered 204"):
            _ = [chunk async for chunk in storage.stream("generations/a.png", start)]


def stored(key: str, content: bytes, **facts: Any) -> StoredFile:
    return StoredFile(key, "image/png", len(content), hashlib.sha256(content).hexdigest(), **facts)


async def test_a_result_is_stored_and_reported_with_what_the_server_measured(
    side: Side, storage: RemoteStorage, claim: Claim, client: Any, files: Path, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 300
    (tmp_path / "large").write_bytes(content)
    first, second, empty = (f"{claim.files_prefix}{n}" for n in ("0.png", "1.mp4", "2.txt"))
    await storage.put_file(first, tmp_path / "large", "image/png")
    await storage.put_bytes(second, b"moving", "video/mp4")
    await storage.put_bytes(empty, b"", "text/plain")
    assert [(files / "files" / key).read_bytes() for key in (first, second, empty)] == [content, b"moving", b""]
    lie = StoredFile(first, "image/png", 1, "00" * 32, name="sea\x1b.png", width=16, height=16, node="9")
    assert await side.worker.finish(claim, Finished(files=(lie,), data={"seed": 3}))
    finished = (await reports(client, "s"))[-1].finished
    assert finished is not None
    assert finished.files == (stored(first, content, name="sea.png", width=16, height=16, node="9"),)


async def test_files_are_read_back(storage: RemoteStorage, claim: Claim) -> None:
    key, content = f"{claim.files_prefix}0.png", b"0123456789" * 9_000
    await storage.put_bytes(key, content, "image/png")
    assert (await storage.size(key), await storage.read(key)) == (90_000, content)
    assert b"".join([chunk async for chunk in storage.stream(key, 5, 10)]) == b"5678901234"
    assert b"".join([chunk async for chunk in storage.stream(key, 89_995)]) == b"56789"
    assert await storage.exists(key)
    assert not await storage.exists("generations/none.png")
    with pytest.raises(FileNotFoundError):
        await storage.read("generations/none.png")
    with pytest.raises(ValueError, match="key"):
        await storage.size("../etc/passwd")


def put_headers(claim: Claim, key: str, content: bytes, **changed: str) -> dict[str, str]:
    return {
        "X-API-Key": key,
        "Worker-Name": "worker-1",
        "Claim-Token": claim.token,
        "Content-SHA256": hashlib.sha256(content).hexdigest(),
        **changed,
    }


def everything_in(files: Path) -> list[Path]:
    return sorted(files.rglob("*"))


@pytest.mark.parametrize(
    "path",
    [
        "generations/job-of-other/s-1-{token}-0.png",
        "generations/job-of-s/other-1-{token}-0.png",
        "generations/job-of-s/s-2-{token}-0.png",
        "generations/job-of-s/s-1-00000000-0.png",
        "generations/job-of-s/s-1-{token}-0",
        "generations/job-of-s/s-1-{token}-1000.png",
        "generations/job-of-s/s-1-{token}-0.png/x.png",
        "generations/job-of-s/s-1-{token}-0.html.exe.png",
        "other/job-of-s/s-1-{token}-0.png",
        "generations/job-of-s/s-1-{token}-%2e%2e%2f0.png",
        "generations/job-of-s/other/1-{token}-0.png",
        "generations/job-of-s/s/2-{token}-0.png",
        "generations/job-of-s/s/1-{token}/0.png",
    ],
)
async def test_only_under_the_name_that_the_claim_grants(
    http: httpx2.AsyncClient, claim: Claim, key: str, files: Path, path: str
) -> None:
    before = everything_in(files)
    url = f"/api/worker/files/{path.format(token=claim.token[:8])}"
    answer = await http.put(url, content=b"x", headers=put_headers(claim, key, b"x"))
    assert answer.status_code == 404
    assert everything_in(files) == before


async def test_workers_of_earlier_versions_name_their_files_by_folders(
    http: httpx2.AsyncClient, claim: Claim, key: str, files: Path
) -> None:
    name = f"generations/job-of-s/s/1-{claim.token[:8]}-0.png"
    answer = await http.put(f"/api/worker/files/{name}", content=b"x", headers=put_headers(claim, key, b"x"))
    assert (answer.status_code, answer.json()["data"]["key"]) == (200, name)
    assert (files / "files" / name).read_bytes() == b"x"


async def test_only_with_the_claims_own_key_worker_and_token(
    http: httpx2.AsyncClient, claim: Claim, key: str, database: Database, files: Path
) -> None:
    url = f"/api/worker/files/{claim.files_prefix}7.png"
    good = put_headers(claim, key, b"x")
    other = await add_key(database, "worker")
    for changed in ({"X-API-Key": other}, {"Worker-Name": "worker-2"}, {"Claim-Token": claim.token[::-1]}):
        assert (await http.put(url, content=b"x", headers={**good, **changed})).status_code == 404
    for name in ("Worker-Name", "Claim-Token", "Content-SHA256"):
        assert (await http.put(url, content=b"x", headers={**good, name: "../x"})).status_code == 400
    assert (await http.put(url, content=b"x", headers={**good, "X-API-Key": ""})).status_code == 401
    assert not (files / "files" / f"{claim.files_prefix}7.png").exists()
    assert (await http.put(url, content=b"x", headers=good)).json()["data"]["size"] == 1


async def test_what_is_damaged_or_too_large_is_not_stored(
    http: httpx2.AsyncClient, storage: RemoteStorage, claim: Claim, key: str, files: Path
) -> None:
    path = f"{claim.files_prefix}0.png"
    damaged = await http.put(f"/api/worker/files/{path}", content=b"y", headers=put_headers(claim, key, b"x"))
    assert (damaged.status_code, "checksum" in damaged.json()["error"]) == (400, True)
    with pytest.raises(FinalError, match="100000 bytes"):
        await storage.put_bytes(path, b"x" * 100_001, "image/png")
    assert not (files / "files" / path).exists()


async def test_a_claim_that_lapsed_stores_nothing(
    queue: Queue, client: Any, storage: RemoteStorage, claim: Claim, files: Path
) -> None:
    await lapse(client, "s")
    await queue.reclaim()
    with pytest.raises(OSError, match="404"):
        await storage.put_bytes(f"{claim.files_prefix}0.png", b"x", "image/png")
    assert not (files / "files" / f"{claim.files_prefix}0.png").exists()


async def test_a_claim_that_lapses_under_way_stores_nothing(
    queue: Queue, client: Any, http: httpx2.AsyncClient, claim: Claim, key: str, files: Path
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"be"
        await lapse(client, "s")
        await queue.reclaim()
        yield b"gun"

    path = f"{claim.files_prefix}0.png"
    answer = await http.put(f"/api/worker/files/{path}", content=slowly(), headers=put_headers(claim, key, b"begun"))
    assert answer.status_code == 404
    assert not (files / "files" / path).exists()


async def test_a_result_that_was_not_uploaded_under_its_claim_is_no_result(
    queue: Queue, client: Any, side: Side, storage: RemoteStorage, claim: Claim
) -> None:
    """Not a made-up one, and not one of another claim of the same worker."""
    await storage.put_bytes(f"{claim.files_prefix}0.png", b"x", "image/png")
    await queue.enqueue([make_ticket("t"), make_ticket("u")])
    for borrower, key in zip(
        await side.worker.claim(2), (f"{claim.files_prefix}0.png", "outputs/of-somebody.png"), strict=True
    ):
        assert await side.worker.finish(borrower, Finished(files=(stored(key, b"x"),)))
        assert await kinds(client, borrower.ticket.id) == ["started", "failed"]
        failed = (await reports(client, borrower.ticket.id))[-1].finished
        assert failed is not None
        assert "was not uploaded under this claim" in failed.error


async def test_a_file_without_a_claim_in_hand_goes_nowhere(url: str, key: str, app: FastAPI) -> None:
    async with storage_of(url, key, list) as storage:
        with pytest.raises(PermissionError):
            await storage.put_bytes("generations/j/s-1-00000000-0.png", b"x", "image/png")
        with pytest.raises(PermissionError):
            await storage.delete("generations/j/s-1-00000000-0.png")
