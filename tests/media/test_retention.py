"""Files of hidden outputs go after a while; never one that anything else uses."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests import factories
from tests.factories import Job, make_collection, make_deck, make_job, make_output, make_step

from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.media.retention import handlers, remove_hidden_files
from emprops.media.storage import FolderStorage, public_url
from emprops.settings import Settings

DAYS = 30.0


class Shelf:
    """One stored file that a hidden output shows, hidden long ago."""

    def __init__(self, settings: Settings, database: Database, folder: Path) -> None:
        self.settings = settings.model_copy(update={"hidden_file_days": DAYS})
        self.database = database
        self.storage = FolderStorage(folder)
        self.key, self.thumbnail = "", ""
        self.file_id = 0
        self.output_id: UUID
        self.job: Job

    @property
    def url(self) -> str:
        return public_url(self.settings, self.key)

    async def fill(self, asset_id: str | None = "asset") -> "Shelf":
        async with self.database.transaction() as tx:
            self.job = await make_job(tx, status="completed", progress=100)
            step = await make_step(tx, self.job, status="completed")
            self.key, self.thumbnail = f"generations/{step}/a.webm", f"generations/{step}/a.jpg"
            self.file_id = await factories.make_file(
                tx, key=self.key, mime_type="video/webm", job=self.job, step_id=step
            )
            await tx.execute(
                "UPDATE flat_file SET thumbnail_url = %s, mux_asset_id = %s WHERE id = %s",
                (self.thumbnail, asset_id, self.file_id),
            )
            await tx.execute("UPDATE job SET workflow_output = %s WHERE id = %s", (self.url, self.job.id))
            self.output_id = await self.shown(tx, days=DAYS + 1)
        for key in (self.key, self.thumbnail):
            await self.storage.put_bytes(key, b"content", "video/webm")
        return self

    async def shown(self, tx: Transaction, *, status: str = "hidden", days: float = 0, **other: Any) -> UUID:
        """An output that shows the file, unchanged for so many days."""
        wanted = {"job": self.job, "flat_file_id": self.file_id, "url": self.url} | other
        output = await make_output(tx, self.job.collection, status=status, **wanted)
        await tx.execute("UPDATE output SET updated_at = now() - %s * interval '1 day' WHERE id = %s", (days, output))
        return output

    async def remove(self) -> int:
        removed = await remove_hidden_files(self.database, self.settings)
        await outbox.deliver_due(self.database, handlers(self.database, self.storage))
        return removed

    async def stands(self) -> tuple[bool, bool, bool]:
        """Whether row, file and thumbnail are there."""
        async with self.database.reader() as reader:
            row = await reader.fetch_value("SELECT id FROM flat_file WHERE id = %s", (self.file_id,))
        return row is not None, await self.storage.exists(self.key), await self.storage.exists(self.thumbnail)


@pytest.fixture
async def shelf(settings: Settings, database: Database, tmp_path: Path) -> Shelf:
    return await Shelf(settings, database, tmp_path).fill()


async def test_the_file_of_a_hidden_output_goes(shelf: Shelf) -> None:
    assert await shelf.stands() == (True, True, True)
    assert await shelf.remove() == 1
    assert await shelf.stands() == (False, False, False)
    async with shelf.database.reader() as reader:
        [output] = await reader.fetch_dicts("SELECT * FROM output WHERE id = %s", (shelf.output_id,))
        kinds = await reader.fetch_values("SELECT kind FROM outbox ORDER BY id")
    assert (output["status"], output["url"], output["flat_file_id"]) == ("hidden", None, None)
    assert kinds == ["delete_file", "delete_file", "mux_delete"]
    assert await shelf.remove() == 0


async def test_not_before_its_time_and_not_when_switched_off(shelf: Shelf) -> None:
    shelf.settings = shelf.settings.model_copy(update={"hidden_file_days": 0.0})
    assert await shelf.remove() == 0
    shelf.settings = shelf.settings.model_copy(update={"hidden_file_days": DAYS + 2})
    assert await shelf.remove() == 0
    assert await shelf.stands() == (True, True, True)


Use = Callable[[Shelf, Transaction], Awaitable[object]]


async def by_a_visible_output(shelf: Shelf, tx: Transaction) -> None:
    await shelf.shown(tx, status="completed", job=None)


async def by_a_visible_output_without_row(shelf: Shelf, tx: Transaction) -> None:
    await shelf.shown(tx, status="completed", flat_file_id=None, url=f"https://old.example/api/files/{shelf.key}?x=1")


async def by_an_output_hidden_lately(shelf: Shelf, tx: Transaction) -> None:
    await shelf.shown(tx, days=DAYS - 1)


async def as_a_thumbnail(shelf: Shelf, tx: Transaction) -> None:
    output = await make_output(tx, status="completed")
    await tx.execute("UPDATE output SET thumbnail_url = %s WHERE id = %s", (shelf.url, output))


async def as_a_deck_cover(shelf: Shelf, tx: Transaction) -> None:
    deck = await make_deck(tx, shelf.job.collection)
    await tx.execute("UPDATE deck SET cover_output_id = %s WHERE id = %s", (shelf.output_id, deck))


async def by_a_job_that_may_be_retried(shelf: Shelf, tx: Transaction) -> None:
    await tx.execute("UPDATE job SET status = 'failed' WHERE id = %s", (shelf.job.id,))


async def by_another_jobs_end(shelf: Shelf, tx: Transaction) -> None:
    await make_job(tx, status="completed", workflow_output=shelf.url)


async def by_an_open_step(shelf: Shelf, tx: Transaction) -> None:
    await make_step(tx, await make_job(tx), input_data={"image": [{"from": f"see {shelf.url}"}]})


async def by_a_waiting_job_that_was_given_it(shelf: Shelf, tx: Transaction) -> None:
    await make_job(tx, collection=shelf.job.collection, variables={"image": shelf.url})


async def by_a_failed_job_that_was_given_it(shelf: Shelf, tx: Transaction) -> None:
    job = await make_job(tx, collection=shelf.job.collection, variables={"image": shelf.url}, status="failed")
    await tx.execute("UPDATE job SET completed_at = now() - interval '6 days' WHERE id = %s", (job.id,))


async def by_a_development_in_progress(shelf: Shelf, tx: Transaction) -> None:
    await make_output(tx, status="processing", source_output_id=shelf.output_id)


async def as_another_files_thumbnail(shelf: Shelf, tx: Transaction) -> None:
    other = await factories.make_file(tx)
    await tx.execute("UPDATE flat_file SET thumbnail_url = %s WHERE id = %s", (shelf.key, other))


async def as_a_collections_cover(shelf: Shelf, tx: Transaction) -> None:
    collection = await make_collection(tx)
    await tx.execute("UPDATE collection SET miniapp_cover_image = %s WHERE id = %s", (shelf.url, collection.id))


USES: list[Use] = [
    by_a_visible_output,
    by_a_visible_output_without_row,
    by_an_output_hidden_lately,
    as_a_thumbnail,
    as_a_deck_cover,
    by_a_job_that_may_be_retried,
    by_another_jobs_end,
    by_an_open_step,
    by_a_waiting_job_that_was_given_it,
    by_a_failed_job_that_was_given_it,
    by_a_development_in_progress,
    as_another_files_thumbnail,
    as_a_collections_cover,
]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
async def test_a_file_in_use_stays(shelf: Shelf, use: Use) -> None:
    async with shelf.database.transaction() as tx:
        await use(shelf, tx)
    assert await shelf.remove() == 0
    assert await shelf.stands() == (True, True, True)


async def test_a_thumbnail_in_use_stays_when_the_file_goes(shelf: Shelf) -> None:
    async with shelf.database.transaction() as tx:
        output = await make_output(tx, status="completed")
        thumbnail = public_url(shelf.settings, shelf.thumbnail)
        await tx.execute("UPDATE output SET thumbnail_url = %s WHERE id = %s", (thumbnail, output))
    assert await shelf.remove() == 1
    assert await shelf.stands() == (False, False, True)


async def test_processes_side_by_side_and_many_files(shelf: Shelf, tmp_path: Path) -> None:
    shelves = [shelf] + [await Shelf(shelf.settings, shelf.database, tmp_path).fill(None) for _ in range(59)]
    async with shelf.database.transaction() as tx:
        await shelf.shown(tx, days=DAYS + 5)  # two hidden outputs of one file
    removed = await asyncio.gather(*(remove_hidden_files(shelf.database, shelf.settings) for _ in range(3)))
    assert sum(removed) + await shelf.remove() == 60
    await shelf.remove()
    assert {await one.stands() for one in shelves} == {(False, False, False)}


async def test_whoever_shows_the_file_first_keeps_it(shelf: Shelf) -> None:
    """An output takes the file over while upkeep looks: either it finds the file used, or skips it."""
    async with shelf.database.transaction() as tx:
        await tx.execute("SELECT FROM flat_file WHERE id = %s FOR NO KEY UPDATE", (shelf.file_id,))
        assert await remove_hidden_files(shelf.database, shelf.settings) == 0
        await shelf.shown(tx, status="completed", job=None)
    assert await shelf.remove() == 0
    assert await shelf.stands() == (True, True, True)


async def test_a_store_that_is_away_only_delays(shelf: Shelf) -> None:
    class Away(FolderStorage):
        async def delete(self, key: str) -> None:
            raise OSError(f"object storage could not delete {key}")

    away = handlers(shelf.database, Away(shelf.storage.root))
    assert await remove_hidden_files(shelf.database, shelf.settings) == 1
    assert await outbox.deliver_due(shelf.database, away) == 2
    assert (await shelf.stands())[1:] == (True, True)
    async with shelf.database.transaction() as tx:
        await tx.execute("UPDATE outbox SET next_at = now()")
    assert await outbox.deliver_due(shelf.database, handlers(shelf.database, shelf.storage)) == 2
    assert (await shelf.stands())[1:] == (False, False)
