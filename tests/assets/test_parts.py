"""Large files: in parts that are resumed, by a client of the tus protocol; and given up after a day."""

import asyncio
import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from tests.apps import served
from tests.assets.conftest import delivered, stored
from tests.media.builders import picture
from tusclient.client import TusClient

from emprops.assets import parts
from emprops.assets.service import Shelf
from emprops.kit.database import Database

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))
LARGE = bytes(range(256)) * 50_000
"""Four parts, the last of them not full."""
TUS = {"Tus-Resumable": "1.0.0"}
PART = TUS | {"Content-Type": "application/offset+octet-stream"}


async def begun(client: httpx2.AsyncClient, who: dict[str, str], size: int, metadata: str = "") -> str:
    answer = await client.post(
        "/assets/uploads", headers=who | TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def sent(
    client: httpx2.AsyncClient, who: dict[str, str], path: str, offset: int, content: Any
) -> httpx2.Response:
    return await client.patch(path, content=content, headers=who | PART | {"Upload-Offset": str(offset)})


async def test_a_client_of_the_protocol_brings_a_file(
    app: FastAPI, user: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    async with served(app) as server:

        def upload() -> str:
            uploader = TusClient(f"{server.base_url}/assets/uploads", headers=user).uploader(
                file_stream=io.BytesIO(LARGE),
                chunk_size=3_000_000,
                metadata={"filename": "fox.bin", "expires_in": "600"},
            )
            uploader.upload_chunk()
            again = TusClient(f"{server.base_url}/assets/uploads", headers=user).uploader(
                file_stream=io.BytesIO(LARGE), chunk_size=3_000_000, url=uploader.url
            )
            assert again.offset == 3_000_000
            again.upload()
            return str(again.url)

        url = await asyncio.to_thread(upload)
        state = await server.head(url, headers=user)
        assert (state.status_code, state.headers["upload-offset"]) == (200, str(len(LARGE)))
        asset = (await server.get(f"/assets/{state.headers['asset-id']}", headers=user)).json()["data"]
        assert (asset["name"], asset["size_bytes"]) == ("fox.bin", len(LARGE))
        assert asset["expires_at"] is not None
        content = await server.get(f"/assets/{asset['id']}/content", headers=user)
        assert content.content == LARGE
    await delivered(shelf)
    assert len(stored(tmp_path)) == 1


async def test_what_is_stored_before_a_connection_breaks_counts(
    app: FastAPI, user: dict[str, str], client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART", 50)
    path = await begun(client, user, len(PNG))
    async with served(app) as server:
        _, writer = await asyncio.open_connection(server.base_url.host, server.base_url.port)
        head = {"Host": "localhost", "Content-Length": str(len(PNG)), "Upload-Offset": "0"} | user | PART
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"PATCH {path} HTTP/1.1\r\n{lines}\r\n".encode() + PNG[:70])
        await writer.drain()
        received = await until_received(server, user, path)
        writer.transport.abort()
        answer = await sent(server, user, path, received, PNG[received:])
        assert answer.headers["asset-id"]


async def until_received(server: httpx2.AsyncClient, user: dict[str, str], path: str) -> int:
    """How much the server has, once it has something: the one who sends is told of nothing before the end."""
    for _ in range(5_000):
        if received := int((await server.head(path, headers=user)).headers["upload-offset"]):
            return received
    raise TimeoutError


async def test_two_that_send_at_once_do_not_mix(
    client: httpx2.AsyncClient, user: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART", 50)
    path = await begun(client, user, len(PNG))
    answers = await asyncio.gather(*(sent(client, user, path, 0, PNG) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {204, 409}
    received = int((await client.head(path, headers=user)).headers["upload-offset"])
    answer = await sent(client, user, path, received, PNG[received:])
    asset = answer.headers["asset-id"]
    assert (await client.get(f"/assets/{asset}/content", headers=user)).content == PNG


async def test_a_wrong_place_is_refused_with_the_right_one(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    path = await begun(client, user, 10)
    assert (await sent(client, user, path, 0, b"01234")).headers["upload-offset"] == "5"
    answer = await sent(client, user, path, 3, b"34567")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_offset")
    assert "goes on at byte 5" in answer.json()["error"]
    answer = await sent(client, user, path, 5, b"5678901234")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Length": "100000001"}, 413),
        ({"Upload-Length": "5", "Upload-Metadata": "filename ???"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "expires_in eA=="}, 400),
    ],
)
async def test_beginnings_that_make_no_sense(
    client: httpx2.AsyncClient, user: dict[str, str], headers: dict[str, str], status: int
) -> None:
    assert (await client.post("/assets/uploads", headers=user | headers)).status_code == status


async def test_parts_of_another_type_are_refused(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    path = await begun(client, user, 10)
    headers = user | {"Upload-Offset": "0", "Content-Type": "application/octet-stream"}
    assert (await client.patch(path, content=b"01234", headers=headers)).status_code == 415


async def test_what_cannot_be_an_asset_is_given_up(
    client: httpx2.AsyncClient, user: dict[str, str], shelf: Shelf, tmp_path: Path
) -> None:
    path = await begun(client, user, 60)
    answer = await sent(client, user, path, 0, PNG[:60])
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_picture")
    assert (await client.head(path, headers=user)).status_code == 404
    await delivered(shelf)
    assert stored(tmp_path) == []


async def test_uploads_are_their_owners(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str]
) -> None:
    path = await begun(client, user, 10)
    for answer in (
        await client.head(path, headers=other),
        await sent(client, other, path, 0, b"01234"),
        await client.delete(path, headers=other),
        await client.post(f"/assets/presigned/{UUID(path.rpartition('/')[2])}/complete", headers=user),
        await client.head(f"/assets/uploads/{uuid4()}", headers=user),
    ):
        assert answer.status_code == 404


async def test_a_user_has_only_so_many_at_once(
    client: httpx2.AsyncClient, user: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_OPEN", 1)
    path = await begun(client, user, 10)
    refused = await client.post("/assets/uploads", headers=user | {"Upload-Length": "5"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_uploads")
    assert (await client.delete(path, headers=user)).status_code == 204
    await begun(client, user, 10)


async def test_what_nobody_goes_on_with_is_given_up_after_a_day(
    client: httpx2.AsyncClient, user: dict[str, str], shelf: Shelf, database: Database, tmp_path: Path
) -> None:
    old, young = await begun(client, user, 10), await begun(client, user, 10)
    await sent(client, user, old, 0, b"01234")
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE asset_upload SET updated_at = now() - interval '25 hours' WHERE id = %s", (old.rpartition("/")[2],)
        )
    assert await parts.remove_old(database) == 1
    await delivered(shelf)
    assert stored(tmp_path) == []
    assert (await client.head(old, headers=user)).status_code == 404
    assert (await client.head(young, headers=user)).status_code == 200
