"""Assets in the words of Comfy API v2: what users brought, and what their jobs made."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from blake3 import blake3
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.apps import as_user
from tests.comfy_api import schema
from tests.comfy_api.door import GRAPH, PICTURE, ask, job_of, refusal, run, submit
from tests.factories.assets import make_asset
from tests.fakes.pictures import PNG
from tests.orchestrator.rig import Rig

from emprops.kit.ids import new_id
from emprops.media.storage import key_of


@pytest.fixture
async def result(rig: Rig, tmp_path: Path) -> dict[str, Any]:
    """A result with a file."""
    stored = tmp_path / PICTURE.key
    stored.parent.mkdir(parents=True)
    stored.write_bytes(PNG)
    job = await submit(rig)
    await run(rig)
    return dict((await job_of(rig, job["id"]))["outputs"][0])


async def test_a_result_is_an_asset(rig: Rig, result: dict[str, Any]) -> None:
    reply = await ask(rig, "GET", f"/assets/{result['id']}")
    asset = schema.check(schema.ASSET, reply.json())
    assert (asset["content_type"], asset["file_path"], asset["size_bytes"]) == ("image/png", "fox_00001_.png", 3)
    assert (asset["job_id"], asset["url"]) == (result["job_id"], result["url"])


async def test_its_content_and_parts_of_it(rig: Rig, result: dict[str, Any]) -> None:
    content = f"/assets/{result['id']}/content"
    whole = await ask(rig, "GET", content)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, PNG, "image/png")
    assert whole.headers["cache-control"].startswith("private")
    part = await ask(rig, "GET", content, Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, PNG[1:4])
    assert part.headers["content-range"] == f"bytes 1-3/{len(PNG)}"
    head = await ask(rig, "HEAD", content)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    beyond = await ask(rig, "GET", content, Range="bytes=9000-")
    refusal(beyond, 416, "no_such_range")
    assert beyond.headers["content-range"] == f"bytes */{len(PNG)}"


async def test_it_is_its_owners_only(rig: Rig, result: dict[str, Any]) -> None:
    rig.user_id = new_id()
    for part in ("", "/content"):
        foreign = refusal(await ask(rig, "GET", f"/assets/{result['id']}{part}"), 404, "not_found")
        assert foreign == refusal(await ask(rig, "GET", f"/assets/{new_id()}{part}"), 404, "not_found")


async def test_what_was_brought_is_an_asset(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        asset_id = await make_asset(tx, rig.user_id)
    reply = await ask(rig, "GET", f"/assets/{asset_id}")
    asset = schema.check(schema.ASSET, reply.json())
    assert asset["hash"].startswith("blake3:")
    assert asset["url"] == f"http://testserver/api/v2/assets/{asset_id}/content"


SOURCE = {"content_type": "image/png", "file_path": "in/fox.png"}


def with_text(name: str, text: str) -> bytes:
    """A picture with metadata."""
    said, buffer = PngInfo(), io.BytesIO()
    said.add_text(name, text)
    Image.new("RGB", (8, 6), "red").save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


def hash_of(content: bytes) -> str:
    return f"blake3:{blake3(content).hexdigest()}"


async def upload(
    rig: Rig, content: bytes = PNG, fields: dict[str, Any] | None = None, **headers: str
) -> httpx2.Response:
    sent = as_user(rig.user_id) | {name.replace("_", "-"): value for name, value in headers.items()}
    files = {"file": ("fox.png", content, "image/png")}
    return await rig.client.post("/api/v2/assets", files=files, data=SOURCE | (fields or {}), headers=sent)


async def stored(rig: Rig) -> int:
    return len(await rig.rows("SELECT FROM asset"))


async def test_a_file_is_kept_byte_for_byte(rig: Rig) -> None:
    picture = with_text("workflow", "{}")
    reply = await upload(rig, picture, {"expected_hash": hash_of(picture), "tags": "input", "expires_in": "60"})
    assert reply.status_code == 201, reply.text
    asset = schema.check(schema.ASSET, reply.json())
    assert (asset["hash"], asset["size_bytes"], asset["file_path"]) == (hash_of(picture), len(picture), "fox.png")
    assert asset["created_new"] is True
    assert asset["expires_at"] > asset["created_at"]
    assert (await ask(rig, "GET", f"/assets/{asset['id']}/content")).content == picture
    again = await upload(rig, picture)
    assert (again.status_code, again.json()["id"], again.json()["created_new"]) == (200, asset["id"], False)
    assert await stored(rig) == 1


async def test_a_hash_finds_what_its_owner_has(rig: Rig) -> None:
    there = f"/assets/by-hash/{hash_of(PNG)}"
    assert (await ask(rig, "HEAD", there)).status_code == 404
    refusal(await ask(rig, "POST", "/assets/from-hash", {"hash": hash_of(PNG)}), 404, "blob_not_found")
    asset = (await upload(rig)).json()
    assert (await ask(rig, "HEAD", there)).status_code == 200
    reply = await ask(rig, "POST", "/assets/from-hash", {"hash": hash_of(PNG), "file_path": "a.png", "tags": []})
    found = schema.check(schema.ASSET, reply.json())
    assert (reply.status_code, found["id"], found["created_new"]) == (200, asset["id"], False)
    rig.user_id = new_id()
    assert (await ask(rig, "HEAD", there)).status_code == 404
    refusal(await ask(rig, "POST", "/assets/from-hash", {"hash": hash_of(PNG)}), 404, "blob_not_found")


async def test_a_picture_that_our_own_api_cleaned_is_known_by_what_it_is_now(rig: Rig) -> None:
    picture = with_text("place", "here")
    headers = as_user(rig.user_id) | {"content-type": "application/octet-stream"}
    own = (await rig.client.post("/assets", content=picture, headers=headers)).json()["data"]
    assert (await ask(rig, "HEAD", f"/assets/by-hash/{hash_of(picture)}")).status_code == 404
    clean = f"blake3:{own['blake3']}"
    assert (await ask(rig, "HEAD", f"/assets/by-hash/{clean}")).status_code == 200
    minted = await ask(rig, "POST", "/assets/from-hash", {"hash": clean, "file_path": "clean.png"})
    assert minted.status_code == 201
    assert (minted.json()["hash"], minted.json()["file_path"]) == (clean, "clean.png")
    assert minted.json()["id"] != own["id"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"expected_hash": hash_of(b"another")}, 409, "hash_mismatch"),
        ({"expected_hash": "blake3:00"}, 422, "invalid_request"),
        ({"expires_in": "59"}, 422, "invalid_request"),
        ({"expires_in": "604801"}, 422, "invalid_request"),
        ({"expires_in": "soon"}, 422, "invalid_request"),
        ({"expires_in": f"000000600{'9' * 30}"}, 422, "invalid_request"),
    ],
)
async def test_what_is_not_kept(rig: Rig, fields: dict[str, str], status: int, code: str) -> None:
    refusal(await upload(rig, fields=fields, Idempotency_Key="k"), status, code)
    assert await stored(rig) == 0
    assert (await upload(rig, Idempotency_Key="k")).status_code == 201, "what was refused did not use the key"


async def test_files_that_are_none(rig: Rig) -> None:
    refusal(await upload(rig, b""), 400, "invalid_request")
    refusal(await upload(rig, PNG[:20]), 400, "invalid_request")
    form = {"content-type": "multipart/form-data; boundary=x"} | as_user(rig.user_id)
    refusal(await rig.client.post("/api/v2/assets", content=b"--x--", headers=form), 400, "invalid_request")
    large = await rig.client.post("/api/v2/assets", content=b"", headers=form | {"content-length": "999999999"})
    refusal(large, 413, "request_too_large")
    for kind in ("application/octet-stream", "application/json", "application/x-www-form-urlencoded"):
        headers = as_user(rig.user_id) | {"content-type": kind}
        refusal(await rig.client.post("/api/v2/assets", content=PNG, headers=headers), 400, "invalid_request")
    assert await stored(rig) == 0


async def test_a_key_counts_once(rig: Rig) -> None:
    assert (await upload(rig, Idempotency_Key="k")).status_code == 201
    for content in (PNG, b"something else"):
        refusal(await upload(rig, content, Idempotency_Key="k"), 422, "idempotency_key_reuse")
    assert await stored(rig) == 1


async def test_a_key_is_not_used_before_there_is_an_asset(rig: Rig) -> None:
    """What dies in between, with its server, leaves nothing."""
    arriving = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        arriving.set()
        await asyncio.Event().wait()

    headers = as_user(rig.user_id) | {"Idempotency-Key": "k", "content-type": "multipart/form-data; boundary=x"}
    uploading = asyncio.ensure_future(rig.client.post("/api/v2/assets", content=half(), headers=headers))
    await arriving.wait()
    assert not await rig.rows("SELECT FROM idempotency_key")
    assert (await upload(rig, Idempotency_Key="k")).status_code == 201
    uploading.cancel()
    await asyncio.wait([uploading])


async def test_of_two_uploads_at_once_with_a_key_one_counts(rig: Rig) -> None:
    both = await asyncio.gather(*(upload(rig, content, Idempotency_Key="k") for content in (b"one", b"two")))
    assert sorted(reply.status_code for reply in both) == [201, 422]
    assert await stored(rig) == 1


@pytest.mark.parametrize("body", [{}, {"hash": 7}, {"hash": "9f8a"}, {"hash": hash_of(PNG), "expires_in": True}])
async def test_hashes_that_are_none(rig: Rig, body: dict[str, Any]) -> None:
    refusal(await ask(rig, "POST", "/assets/from-hash", body), 422, "invalid_request")


async def test_an_asset_is_deleted_once_and_a_result_never(rig: Rig, result: dict[str, Any]) -> None:
    asset = (await upload(rig)).json()
    own, rig.user_id = rig.user_id, new_id()
    refusal(await ask(rig, "DELETE", f"/assets/{asset['id']}"), 404, "not_found")
    rig.user_id = own
    gone = await ask(rig, "DELETE", f"/assets/{asset['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    refusal(await ask(rig, "DELETE", f"/assets/{asset['id']}"), 404, "not_found")
    refusal(await ask(rig, "DELETE", f"/assets/{result['id']}"), 409, "asset_in_use")


async def test_a_job_takes_an_asset_and_keeps_it_until_it_has_ended(rig: Rig) -> None:
    asset = (await upload(rig)).json()
    reference = {"__type": "core/ASSET", "info": {"id": asset["id"]}}
    graph = {**GRAPH, "1": {"class_type": "LoadImage", "inputs": {"image": reference}}}
    job = await submit(rig, graph)
    await rig.dispatcher.flush()
    (claim,) = await rig.worker.claim()
    sent = claim.ticket.payload["workflow"]["1"]["inputs"]["image"]["info"]["url"]
    (row,) = await rig.rows("SELECT key FROM asset_file")
    assert key_of(rig.settings, sent, private=True) == row["key"]
    refusal(await ask(rig, "DELETE", f"/assets/{asset['id']}"), 409, "asset_in_use")
    await ask(rig, "POST", f"/jobs/{job['id']}/cancel")
    assert (await ask(rig, "DELETE", f"/assets/{asset['id']}")).status_code == 204
