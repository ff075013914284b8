"""Upkeep of outputs' files that are stored here: thumbnails; and what is said when there can be none."""

from pathlib import Path

import httpx2
import pytest
from tests import factories
from tests.apps import served
from tests.fakes.s3 import FakeS3
from tests.outputs.importing.rig import due_again, png, shown, stored

from emprops.kit.database import Database
from emprops.media.storage import FolderStorage, S3Storage
from emprops.outputs.importing import Workshop, inspect_due
from emprops.settings import Settings


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
