"""Files of users over HTTP: brought in, each once, safe, and their owner's alone."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from blake3 import blake3
from fastapi import FastAPI
from PIL import Image
from tests.assets.conftest import brought, delivered, stored, upload
from tests.factories import make_collection, make_job
from tests.media.builders import picture, quarters, saved

from emprops.assets import service
from emprops.assets.service import ABANDONED, DELETE_FILE, Shelf
from emprops.kit import outbox
from emprops.kit.database import Database
from emprops.main import SETTINGS
from emprops.quotas import store as quota_store
from emprops.quotas.limits import QuotaLimits, Subject

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))
SOUND = b"RIFF\x24\0\0\0WAVEfmt "


def lasting(asset: dict[str, Any]) -> dict[str, Any]:
    """What is said of an asset that does not end."""
    return {name: value for name, value in asset.items() if not name.startswith("signed_")}


async def test_a_file_is_brought_read_listed_and_deleted(
    client: httpx2.AsyncClient, user: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    answer = await upload(client, user, PNG, name="C:\\photos\\harbour.png")
    assert answer.status_code == 201
    asset = answer.json()["data"]
    assert asset["name"] == "harbour.png"
    assert (asset["mime_type"], asset["width"], asset["height"]) == ("image/png", 64, 32)
    assert asset["blake3"] == asset["source_blake3"] == blake3(PNG).hexdigest()
    assert asset["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert asset["size_bytes"] == len(PNG)
    assert lasting((await client.get(f"/assets/{asset['id']}", headers=user)).json()["data"]) == lasting(asset)
    assert [lasting(one) for one in (await client.get("/assets", headers=user)).json()["data"]] == [lasting(asset)]
    content = await client.get(f"/assets/{asset['id']}/content", headers=user)
    assert content.content == PNG
    assert content.headers["content-type"] == "image/png"
    assert content.headers["cache-control"].startswith("private")
    assert (await client.delete(f"/assets/{asset['id']}", headers=user)).json()["data"] == {"id": asset["id"]}
    assert (await client.get(f"/assets/{asset['id']}", headers=user)).status_code == 404
    await delivered(shelf)
    assert stored(tmp_path) == []


async def test_a_form_may_bring_it(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    form = {"file": ("a/harbour.png", PNG, "text/html")}
    answer = await client.post("/assets", files=form, data={"expires_in": "60"}, headers=user)
    assert answer.status_code == 201
    assert answer.json()["data"]["name"] == "harbour.png"
    assert answer.json()["data"]["mime_type"] == "image/png"
    assert answer.json()["data"]["expires_at"] is not None


async def test_a_form_without_a_file_is_told_so(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    answer = await client.post("/assets", files={"file": (None, "text")}, headers=user)
    assert answer.status_code == 400
    assert "has no file" in answer.json()["error"]


async def test_a_form_with_several_files_is_told_so(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]
    answer = await client.post("/assets", files=files, headers=user)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert "2 files" in answer.json()["error"]
    assert (await client.get("/assets", headers=user)).json()["data"] == []


@pytest.mark.parametrize("field", [{"expires_in": "soon"}, {"expires_in": "-1"}, {"keep_metadata": "perhaps"}])
async def test_fields_that_mean_nothing_are_named(
    client: httpx2.AsyncClient, user: dict[str, str], field: dict[str, str], tmp_path: Path
) -> None:
    for answer in (
        await upload(client, user, PNG, **field),
        await client.post("/assets", files={"file": ("a.png", PNG)}, data=field, headers=user),
    ):
        assert answer.status_code == 400
        assert next(iter(field)) in answer.json()["error"]
    assert stored(tmp_path) == []


async def test_the_same_bytes_are_the_same_asset(
    client: httpx2.AsyncClient, user: dict[str, str], tmp_path: Path
) -> None:
    first = await brought(client, user, PNG)
    again = await upload(client, user, PNG, name="another.png")
    assert again.status_code == 201
    assert lasting(again.json()["data"]) == lasting(first)
    answers = await asyncio.gather(*(upload(client, user, SOUND) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert sorted(path.suffix for path in stored(tmp_path))[0] == ".png"


async def test_bytes_are_stored_once_and_go_with_their_last_owner(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    mine, theirs = await brought(client, user, PNG), await brought(client, other, PNG)
    assert mine["id"] != theirs["id"]
    assert len(stored(tmp_path)) == 1
    await client.delete(f"/assets/{mine['id']}", headers=user)
    await delivered(shelf)
    assert (await client.get(f"/assets/{theirs['id']}/content", headers=other)).content == PNG
    await client.delete(f"/assets/{theirs['id']}", headers=other)
    await delivered(shelf)
    assert stored(tmp_path) == []


async def test_bytes_that_two_bring_at_once_are_stored_once(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    await asyncio.gather(*(upload(client, who, PNG) for who in (user, other) for _ in range(3)))
    await delivered(shelf)
    assert len(stored(tmp_path)) == 1
    for who in (user, other):
        [asset] = (await client.get("/assets", headers=who)).json()["data"]
        assert (await client.get(f"/assets/{asset['id']}/content", headers=who)).content == PNG


async def test_nobody_else_sees_an_asset(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str], tmp_path: Path
) -> None:
    asset = await brought(client, user, PNG)
    for path in ("", "/content"):
        assert (await client.get(f"/assets/{asset['id']}{path}", headers=other)).status_code == 404
    assert (await client.delete(f"/assets/{asset['id']}", headers=other)).status_code == 404
    assert (await client.get("/assets", headers=other)).json()["data"] == []
    [path] = stored(tmp_path)
    assert (await client.get(f"/files/assets/{path.name}")).status_code == 404


async def test_a_key_stands_for_one_file(client: httpx2.AsyncClient, user: dict[str, str], tmp_path: Path) -> None:
    keyed = user | {"Idempotency-Key": "photo-1"}
    first = await upload(client, keyed, PNG)
    again = await upload(client, keyed, PNG)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    mismatch = await upload(client, keyed, SOUND)
    assert mismatch.status_code == 422
    assert mismatch.json()["code"] == "idempotency_mismatch"
    assert len(stored(tmp_path)) == 1


async def test_what_is_too_large_is_refused_before_it_is_stored(
    app: FastAPI, client: httpx2.AsyncClient, user: dict[str, str], tmp_path: Path
) -> None:
    limited = SETTINGS.get(app).model_copy(update={"asset_bytes": 2_000_000})
    app.state.resources = replace(app.state.resources, settings=limited)
    large = bytes(2_000_001)

    async def in_pieces() -> AsyncIterator[bytes]:
        yield large

    for answer in (
        await upload(client, user, large),
        await client.post("/assets", content=in_pieces(), headers=user),
        await client.post("/assets", files={"file": ("a.bin", large)}, headers=user),
        await client.post("/assets", files={"file": ("a.bin", bytes(4_000_000))}, headers=user),
    ):
        assert answer.status_code == 413
        assert answer.json()["error"] == "The file is larger than 2 MB; send a smaller one."
        assert answer.json()["code"] == "too_large"
    assert stored(tmp_path) == []


async def test_an_empty_file_is_refused(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    answer = await upload(client, user, b"")
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_file")


async def test_a_damaged_picture_is_refused(client: httpx2.AsyncClient, user: dict[str, str], tmp_path: Path) -> None:
    answer = await upload(client, user, PNG[:60])
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_picture")
    assert answer.json()["error"].endswith(". Send another picture.")
    assert stored(tmp_path) == []


async def test_pictures_are_stored_upright_and_without_metadata(
    client: httpx2.AsyncClient, user: dict[str, str]
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "51.4778N"
    sent = saved(quarters((64, 32)), "JPEG", exif=exif)
    asset = await brought(client, user, sent)
    assert (asset["width"], asset["height"]) == (32, 64)
    assert asset["source_blake3"] == blake3(sent).hexdigest() != asset["blake3"]
    content = (await client.get(f"/assets/{asset['id']}/content", headers=user)).content
    assert blake3(content).hexdigest() == asset["blake3"]
    assert b"51.4778N" not in content
    assert Image.open(io.BytesIO(content)).size == (32, 64)
    kept = await brought(client, user, sent, keep_metadata="true")
    assert kept["id"] != asset["id"]
    assert kept["blake3"] == asset["source_blake3"]


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        (b"<!doctype html><script>alert(1)</script>", "text/html"),
        (b"%PDF-1.7 ", "application/pdf"),
        (b"\0\1\2 nothing known", "application/octet-stream"),
    ],
)
async def test_what_could_run_in_a_browser_is_a_download(
    client: httpx2.AsyncClient, user: dict[str, str], content: bytes, mime_type: str
) -> None:
    asset = await brought(client, user, content, name="photo.png")
    assert asset["mime_type"] == mime_type
    answer = await client.get(f"/assets/{asset['id']}/content", headers=user)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox")


async def test_parts_of_the_content(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    asset = await brought(client, user, PNG)
    part = await client.get(f"/assets/{asset['id']}/content", headers=user | {"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    whole = await client.head(f"/assets/{asset['id']}/content", headers=user)
    assert whole.headers["content-length"] == str(len(PNG))
    beyond = await client.get(f"/assets/{asset['id']}/content", headers=user | {"Range": "bytes=99999-"})
    assert beyond.status_code == 416


async def test_assets_count_as_stored_bytes(
    client: httpx2.AsyncClient, user: dict[str, str], database: Database, tmp_path: Path
) -> None:
    subject = Subject("user", UUID(user["user_id"]))
    async with database.transaction() as tx:
        await quota_store.put(tx, subject, QuotaLimits(stored_bytes=len(PNG) + len(SOUND) - 1), by="the test")
    asset = await brought(client, user, PNG)
    refused = await upload(client, user, SOUND)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert refused.json()["details"]["used"] == len(PNG)
    assert len(stored(tmp_path)) == 1
    await client.delete(f"/assets/{asset['id']}", headers=user)
    assert (await upload(client, user, SOUND)).status_code == 201


@pytest.mark.parametrize("how", ["job", "collection"])
async def test_what_is_used_cannot_be_deleted(
    client: httpx2.AsyncClient, user: dict[str, str], database: Database, how: str
) -> None:
    asset = await brought(client, user, PNG)
    async with database.transaction() as tx:
        owner = UUID(user["user_id"])
        if how == "collection":
            await make_collection(tx, owner, data={"variables": [{"value": f"asset:{asset['id']}"}]})
        else:
            job = await make_job(tx, collection=await make_collection(tx, owner), status="processing")
            await tx.execute("INSERT INTO asset_use VALUES (%s, %s)", (asset["id"], job.id))
    refused = await client.delete(f"/assets/{asset['id']}", headers=user)
    assert (refused.status_code, refused.json()["code"]) == (409, "asset_in_use")
    assert how in refused.json()["error"]
    assert (await client.get(f"/assets/{asset['id']}", headers=user)).status_code == 200


async def test_a_file_that_was_stored_and_not_recorded_is_removed_later(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.storage.put_bytes("assets/left.png", PNG, "image/png")
    async with shelf.database.transaction() as tx:
        await outbox.put(tx, DELETE_FILE, "left", {"key": "assets/left.png"}, after=ABANDONED)
    assert await outbox.deliver_due(shelf.database, service.handlers(shelf.database, shelf.storage)) == 0
    await delivered(shelf)
    assert stored(tmp_path) == []
