"""Upkeep of outputs' files: copies, types by content, thumbnails; and what is said when that cannot be had."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests import factories
from tests.apps import as_user, served
from tests.fakes.s3 import FakeS3

from emprops.kit.database import Database
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage, S3Storage
from emprops.outputs import importing
from emprops.outputs.importing import WAITS, Workshop, import_due, inspect_due
from emprops.settings import Settings

HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def png(size: tuple[int, int] = (900, 600)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    return buffer.getvalue()


class Elsewhere:
    """Somebody's web server: files by name, and what was asked for. ``status`` is what it answers."""

    def __init__(self) -> None:
        self.files = {"file.mp4": png(), "page.png": HTML, "broken.png": png()[:60]}
        self.asked: list[str] = []
        self.status = 200
        self.base = ""

    async def answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked.append(name)
        if self.status != 200 or name not in self.files:
            return Response(status_code=self.status if self.status != 200 else 404)
        return Response(self.files[name], media_type="video/mp4")


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    fake = Elsewhere()
    app: Any = Starlette(routes=[Route("/{name}", fake.answer)])
    async with served(app) as client:
        fake.base = str(client.base_url).rstrip("/")
        yield fake


@pytest.fixture
def shop(database: Database, settings: Settings, elsewhere: Elsewhere, tmp_path: Path) -> Workshop:
    """In the same folder as the api of the fixture ``app``, so that what is stored can be fetched."""
    allowed = settings.model_copy(update={"outbound_allow": elsewhere.base.removeprefix("http://")})
    return Workshop(database, FolderStorage(tmp_path), allowed)


@pytest.fixture
async def collection(database: Database) -> factories.Collection:
    async with database.transaction() as tx:
        return await factories.make_collection(tx)


Complete = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def complete(client: httpx2.AsyncClient, collection: factories.Collection) -> Complete:
    """Make an output and complete it with a URL; or complete that output again."""
    me = as_user(collection.user_id)

    async def complete(url: str, output_id: str | None = None, **fields: Any) -> dict[str, Any]:
        if output_id is None:
            made = await client.post("/outputs", json={"collection_id": str(collection.id)}, headers=me)
            output_id = made.json()["data"]["id"]
        reply = await client.patch(f"/outputs/{output_id}/complete", json={"url": url, **fields}, headers=me)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

    return complete


async def shown(client: httpx2.AsyncClient, collection: factories.Collection, output_id: str) -> dict[str, Any]:
    data: dict[str, Any] = (await client.get(f"/outputs/{output_id}", headers=as_user(collection.user_id))).json()[
        "data"
    ]
    return data


async def body(client: httpx2.AsyncClient, settings: Settings, url: str) -> httpx2.Response:
    reply = await client.get(url.removeprefix(settings.base_url))
    assert reply.status_code == 200
    return reply


async def due_again(database: Database) -> None:
    async with database.reader() as writer:
        await writer.execute("UPDATE output_import SET run_after = now()")
        await writer.execute("UPDATE flat_file SET inspect_after = now()")


async def test_a_linked_file_is_copied_and_described_by_its_content(
    client: httpx2.AsyncClient,
    settings: Settings,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
) -> None:
    url = f"{elsewhere.base}/file.mp4"
    done = await complete(url, mime_type="video/mp4", output_metadata={"seed": 7})
    assert (done["url"], done["mime_type"], done["flat_file_id"], elsewhere.asked) == (url, "video/mp4", None, [])
    assert await import_due(shop) == 1
    assert await import_due(shop) == 0
    copied = await shown(client, collection, done["id"])
    assert copied["url"].startswith(f"{settings.base_url}/files/imports/{done['id']}/")
    assert (copied["mime_type"], copied["status"]) == ("image/png", "completed")
    assert copied["output_metadata"] == {"seed": 7, "_file": {"copied_from": url, "width": 900, "height": 600}}
    assert (await body(client, settings, copied["url"])).content == png()
    thumbnail = await body(client, settings, copied["thumbnail_url"])
    assert thumbnail.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(thumbnail.content)) as small:
        assert small.size == (640, 427)
    again = await complete(url, done["id"])
    assert (again["url"], again["flat_file_id"]) == (copied["url"], copied["flat_file_id"])
    assert await import_due(shop) == 0
    assert await inspect_due(shop) == 0
    assert elsewhere.asked == ["file.mp4"]


async def test_what_could_run_becomes_a_download(
    client: httpx2.AsyncClient,
    settings: Settings,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
) -> None:
    done = await complete(f"{elsewhere.base}/page.png", mime_type="image/png")
    await import_due(shop)
    copied = await shown(client, collection, done["id"])
    assert copied["mime_type"] == "text/html"
    reply = await body(client, settings, copied["url"])
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == "attachment"


async def test_a_damaged_file_is_copied_and_says_so(
    client: httpx2.AsyncClient,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
) -> None:
    done = await complete(f"{elsewhere.base}/broken.png")
    await import_due(shop)
    copied = await shown(client, collection, done["id"])
    assert (copied["status"], copied["thumbnail_url"]) == ("completed", None)
    assert "damaged" in copied["output_metadata"]["_file"]["error"]


async def test_no_copy_when_told_not_to_or_when_there_is_one(
    database: Database, settings: Settings, complete: Complete, shop: Workshop, elsewhere: Elsewhere
) -> None:
    done = await complete(f"{elsewhere.base}/file.mp4", store_copy=False)
    await complete(f"{settings.base_url}/files/generations/a.png")
    await complete(f"{elsewhere.base}/file.mp4", done["id"])
    await complete(f"{elsewhere.base}/file.mp4", done["id"], store_copy=False)
    assert await import_due(shop) == 0
    assert elsewhere.asked == []


async def test_a_url_that_cannot_be_fetched_stays_and_says_so(
    client: httpx2.AsyncClient,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
) -> None:
    done = await complete(f"{elsewhere.base}/missing.png")
    private = await complete("http://127.0.0.1/private.png")
    assert await import_due(shop) == 2
    for output, sentence in [(done, "answered 404"), (private, "not a public address")]:
        now = await shown(client, collection, output["id"])
        assert (now["url"], now["status"], now["flat_file_id"]) == (output["url"], "completed", None)
        assert now["output_metadata"]["_file"]["copied"] is False
        assert sentence in now["output_metadata"]["_file"]["error"]
    assert await import_due(shop) == 0


async def test_the_documents_own_url_works_without_a_network(
    client: httpx2.AsyncClient,
    database: Database,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve_nothing(host: str, port: int) -> list[str]:
        raise OSError("no network")

    monkeypatch.setattr(importing, "GuardedClient", lambda settings: GuardedClient(settings, resolver=resolve_nothing))
    done = await complete("https://cdn.example.com/file.mp4", mime_type="video/mp4", thumbnail_url="https://...")
    for n in range(len(WAITS) + 1):
        assert await import_due(shop) == 1
        assert await import_due(shop) == 0, "it waits before the next try"
        now = await shown(client, collection, done["id"])
        assert (now["url"], now["status"], now["mime_type"]) == (done["url"], "completed", "video/mp4")
        assert "could not be resolved" in now["output_metadata"]["_file"]["error"]
        assert ("tries" in now["output_metadata"]["_file"]) == (n < len(WAITS))
        await due_again(database)
    assert await import_due(shop) == 0


async def test_a_server_that_is_busy_is_asked_again(
    client: httpx2.AsyncClient,
    database: Database,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
) -> None:
    elsewhere.status = 503
    done = await complete(f"{elsewhere.base}/file.mp4")
    await import_due(shop)
    assert (await shown(client, collection, done["id"]))["output_metadata"]["_file"]["tries"] == 1
    elsewhere.status = 200
    await due_again(database)
    await import_due(shop)
    copied = await shown(client, collection, done["id"])
    assert copied["flat_file_id"] is not None
    assert "error" not in copied["output_metadata"]["_file"]


@pytest.mark.parametrize("meanwhile", ["hidden", "other url"])
async def test_what_changes_during_the_download_wins(
    client: httpx2.AsyncClient,
    database: Database,
    collection: factories.Collection,
    complete: Complete,
    shop: Workshop,
    elsewhere: Elsewhere,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    meanwhile: str,
) -> None:
    done = await complete(f"{elsewhere.base}/file.mp4")
    probe = importing.probe

    async def change_then_probe(path: Path, folder: Path) -> Any:
        if meanwhile == "hidden":
            await client.delete(f"/outputs/{done['id']}", headers=as_user(collection.user_id))
        else:
            await complete("https://cdn.example.com/other.png", done["id"], store_copy=False)
        return await probe(path, folder)

    monkeypatch.setattr(importing, "probe", change_then_probe)
    assert await import_due(shop) == 1
    now = await shown(client, collection, done["id"])
    assert now["flat_file_id"] is None
    assert now["output_metadata"] is None
    assert files_in(tmp_path) == [], "the copy that nobody wants is removed"
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM output_import") == 0


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- files that are ours already


async def stored(database: Database, storage: Any, collection: factories.Collection, content: bytes) -> UUID:
    async with database.transaction() as tx:
        file_id = await factories.make_file(tx, key="generations/a/0.png")
        output = await factories.make_output(
            tx,
            collection,
            status="completed",
            flat_file_id=file_id,
            url="http://localhost:3001/files/generations/a/0.png",
        )
    await storage.put_bytes("generations/a/0.png", content, "image/png")
    return output


@pytest.mark.parametrize("where", ["folder", "s3"])
async def test_generated_files_get_thumbnails(
    client: httpx2.AsyncClient,
    database: Database,
    settings: Settings,
    collection: factories.Collection,
    tmp_path: Path,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if where == "folder":
        shop = Workshop(database, FolderStorage(tmp_path), settings)
        output = await stored(database, shop.storage, collection, png())
        assert await inspect_due(shop) == 1
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        fake = FakeS3()
        async with served(fake.app) as bucket:  # type: ignore[arg-type]
            shop = Workshop(database, S3Storage("b", endpoint=str(bucket.base_url).rstrip("/"), region="x"), settings)
            output = await stored(database, shop.storage, collection, png())
            assert await inspect_due(shop) == 1
    now = await shown(client, collection, str(output))
    assert now["thumbnail_url"] == f"{settings.base_url}/files/thumbnails/generations/a/0.png.webp"
    async with database.reader() as reader:
        facts = (await reader.fetch_dicts("SELECT width, height, thumbnail_url FROM flat_file"))[0]
    assert facts == {"width": 900, "height": 600, "thumbnail_url": "thumbnails/generations/a/0.png.webp"}
    assert await inspect_due(shop) == 0


async def test_a_stored_file_that_is_gone_or_damaged_says_so(
    client: httpx2.AsyncClient, database: Database, settings: Settings, collection: factories.Collection, tmp_path: Path
) -> None:
    shop = Workshop(database, FolderStorage(tmp_path), settings)
    output = await stored(database, shop.storage, collection, png()[:60])
    async with database.transaction() as tx:
        await factories.make_file(tx)
    assert await inspect_due(shop) == 2
    now = await shown(client, collection, str(output))
    assert (now["status"], now["thumbnail_url"]) == ("completed", None)
    assert "damaged" in now["output_metadata"]["_file"]["error"]
    assert await inspect_due(shop) == 0


async def test_a_full_disk_is_no_sentence_with_a_path(
    client: httpx2.AsyncClient,
    shop: Workshop,
    elsewhere: Elsewhere,
    collection: factories.Collection,
    complete: Complete,
    tmp_path: Path,
) -> None:
    class Full(FolderStorage):
        async def put_file(self, key: str, path: Path, mime_type: str) -> None:  # noqa: ARG002
            raise OSError(28, "No space left on device", str(path))

    output = await complete(f"{elsewhere.base}/file.mp4")
    await import_due(Workshop(shop.database, Full(tmp_path), shop.settings))
    now = await shown(client, collection, output["id"])
    assert now["output_metadata"]["_file"]["error"] == "The file could not be stored here."


async def test_no_path_of_this_machine_is_shown(
    client: httpx2.AsyncClient, database: Database, settings: Settings, collection: factories.Collection, tmp_path: Path
) -> None:
    class Gone(FolderStorage):
        def local_path(self, key: str) -> Path | None:
            return self.root / "taken away" / key

    shop = Workshop(database, Gone(tmp_path), settings)
    output = await stored(database, shop.storage, collection, png())
    assert await inspect_due(shop) == 1
    now = await shown(client, collection, str(output))
    assert now["output_metadata"]["_file"]["error"] == "The file is not in storage any more."


async def test_a_store_that_is_away_is_asked_again(
    database: Database, settings: Settings, collection: factories.Collection, tmp_path: Path
) -> None:
    class Away(FolderStorage):
        def local_path(self, key: str) -> Path | None:  # noqa: ARG002
            raise OSError("the store is away")

    output = await stored(database, FolderStorage(tmp_path), collection, png())
    away = Workshop(database, Away(tmp_path), settings)
    for _ in range(2):
        assert await inspect_due(away) == 1
        assert await inspect_due(away) == 0
        await due_again(database)
    assert await inspect_due(Workshop(database, FolderStorage(tmp_path), settings)) == 1
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT thumbnail_url FROM output WHERE id = %s", (output,)) is not None
