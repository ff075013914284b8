"""Files that go into the bucket past the api, and are checked afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from tests.apps import client_of, served
from tests.fakes.s3 import FakeS3
from tests.media.builders import picture

from emprops.assets import service
from emprops.kit import outbox
from emprops.kit.database import Database
from emprops.media.storage import S3Storage

pytestmark = pytest.mark.usefixtures("looked_at_here")
PNG = picture("PNG", (64, 32))


@pytest.fixture
def bucket() -> FakeS3:
    return FakeS3()


@pytest.fixture
async def s3(bucket: FakeS3, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3Storage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with served(bucket.app()) as server:  # type: ignore[arg-type]
        yield S3Storage("media", endpoint=str(server.base_url).rstrip("/"), region="us-east-1")


@pytest.fixture
async def client(app: FastAPI, s3: S3Storage) -> AsyncIterator[httpx2.AsyncClient]:
    app.state.resources = replace(app.state.resources, storage=s3)
    async with client_of(app) as client:
        yield client


async def signed(client: httpx2.AsyncClient, user: dict[str, str], size: int, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/assets/presigned", json={"size_bytes": size, **fields}, headers=user)
    assert reply.status_code == 201, reply.text
    return dict(reply.json()["data"])


async def put(url: str, content: bytes) -> int:
    async with httpx2.AsyncClient(trust_env=False) as outside:
        return (await outside.put(url, content=content)).status_code


async def completed(client: httpx2.AsyncClient, user: dict[str, str], upload: dict[str, Any]) -> httpx2.Response:
    return await client.post(f"/assets/presigned/{upload['id']}/complete", headers=user)


def files(bucket: FakeS3) -> list[str]:
    return sorted(path for path in bucket.objects if path.startswith("media/assets/"))


async def cleared(database: Database, s3: S3Storage) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE outbox SET next_at = now() WHERE done_at IS NULL")
    await outbox.deliver_due(database, service.handlers(database, s3))


async def test_a_file_goes_into_the_bucket_and_becomes_an_asset(
    client: httpx2.AsyncClient, user: dict[str, str], bucket: FakeS3, s3: S3Storage, database: Database
) -> None:
    upload = await signed(client, user, len(PNG), name="fox.png")
    assert await put(upload["url"], PNG) == 200
    reply = await completed(client, user, upload)
    assert reply.status_code == 200, reply.text
    asset = reply.json()["data"]
    assert (asset["name"], asset["mime_type"], asset["width"]) == ("fox.png", "image/png", 64)
    assert (await completed(client, user, upload)).json()["data"]["id"] == asset["id"]
    assert (await client.get(f"/assets/{asset['id']}/content", headers=user)).content == PNG
    await cleared(database, s3)
    assert len(files(bucket)) == 1


async def test_it_has_to_arrive_first(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    upload = await signed(client, user, len(PNG))
    reply = await completed(client, user, upload)
    assert (reply.status_code, reply.json()["code"]) == (409, "upload_incomplete")
    await put(upload["url"], PNG)
    assert (await completed(client, user, upload)).status_code == 200


@pytest.mark.parametrize(
    ("content", "code"), [(PNG + b"more", "bad_request"), (PNG[:60], "unreadable_picture")], ids=["size", "content"]
)
async def test_what_is_not_as_it_was_announced_is_removed(
    client: httpx2.AsyncClient,
    user: dict[str, str],
    bucket: FakeS3,
    s3: S3Storage,
    database: Database,
    content: bytes,
    code: str,
) -> None:
    upload = await signed(client, user, len(PNG) if code == "bad_request" else len(content))
    await put(upload["url"], content)
    reply = await completed(client, user, upload)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert (await completed(client, user, upload)).status_code == 404
    await cleared(database, s3)
    assert files(bucket) == []


async def test_nobody_else_completes_it(
    client: httpx2.AsyncClient, user: dict[str, str], other: dict[str, str]
) -> None:
    upload = await signed(client, user, len(PNG))
    await put(upload["url"], PNG)
    assert (await completed(client, other, upload)).status_code == 404


async def test_a_bucket_that_is_away_is_told(client: httpx2.AsyncClient, user: dict[str, str], bucket: FakeS3) -> None:
    upload = await signed(client, user, len(PNG))
    await put(upload["url"], PNG)
    bucket.fail = 403
    reply = await completed(client, user, upload)
    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    bucket.fail = None
    assert (await completed(client, user, upload)).status_code == 200


async def test_it_is_too_large_before_it_is_sent(client: httpx2.AsyncClient, user: dict[str, str]) -> None:
    reply = await client.post("/assets/presigned", json={"size_bytes": 100_000_001}, headers=user)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


async def test_a_folder_takes_none(app: FastAPI, user: dict[str, str], database: Database) -> None:
    async with client_of(app) as client:
        reply = await client.post("/assets/presigned", json={"size_bytes": 9}, headers=user)
    assert (reply.status_code, reply.json()["code"]) == (400, "no_presigned_uploads")
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM asset_upload") == 0
