"""Upkeep of outputs' files: copies, types by content; and what is said when that cannot be had."""

import io
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from tests import factories
from tests.apps import as_user
from tests.outputs.importing.rig import Complete, Elsewhere, body, due_again, files_in, png, shown

from emprops.kit.database import Database
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.outputs import importing
from emprops.outputs.importing import WAITS, Workshop, import_due, inspect_due
from emprops.settings import Settings


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
        assert small.size == (512, 341)
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
