"""Results whose time is over go, with their files, unless something uses them."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests import factories
from tests.apps import as_user

from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.media import retention
from emprops.media.storage import FolderStorage, public_url
from emprops.outputs.expiry import BATCH, hide_expired
from emprops.quotas import store as quotas
from emprops.quotas.limits import QuotaLimits, Subject
from emprops.settings import Settings

KEY = "generations/a.png"


async def made(tx: Transaction, collection: factories.Collection, **options: Any) -> UUID:
    """A completed output of the collection's owner."""
    return await factories.make_output(tx, collection, status="completed", **options)


async def expiry(database: Database, output_id: UUID) -> float | None:
    """After how many days a result goes."""
    async with database.reader() as reader:
        days: float | None = await reader.fetch_value(
            "SELECT extract(epoch FROM expires_at - completed_at)::float8 / 86400 FROM output WHERE id = %s",
            (output_id,),
        )
    return days


async def end(tx: Transaction, output_id: UUID) -> None:
    await tx.execute("UPDATE output SET expires_at = now() - interval '1 second' WHERE id = %s", (output_id,))


async def status(database: Database, output_id: UUID) -> str:
    async with database.reader() as reader:
        return str(await reader.fetch_value("SELECT status FROM output WHERE id = %s", (output_id,)))


@pytest.mark.parametrize(
    ("usual", "of_user", "of_collection", "kept"),
    [
        (0, None, None, None),
        (30, None, None, 30),
        (30, 7, None, 7),
        (30, 7, 0.5, 0.5),
        (30, 0, None, None),
        (30, 7, 0, None),
        (0, 7, None, 7),
        (0, None, 90, 90),
    ],
)
async def test_the_collection_says_how_long_else_the_user_else_the_settings(
    database: Database, usual: float, of_user: float | None, of_collection: float | None, kept: float | None
) -> None:
    await hide_expired(database, 99)
    await hide_expired(database, usual)
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        for subject, days in (
            (Subject("user", collection.user_id), of_user),
            (Subject("collection", collection.id), of_collection),
        ):
            if days is not None:
                await quotas.put(tx, subject, QuotaLimits(), result_days=days, by="the test")
        at_once = await made(tx, collection)
        later = await factories.make_output(tx, collection)
        await tx.execute(
            "UPDATE output SET status = 'completed', url = 'https://cdn.example.com/a.png', completed_at = now()"
            " WHERE id = %s",
            (later,),
        )
    assert await expiry(database, at_once) == await expiry(database, later) == kept


async def test_it_is_shown_and_goes_with_its_file(
    client: httpx2.AsyncClient, settings: Settings, database: Database, tmp_path: Path
) -> None:
    storage = FolderStorage(tmp_path)
    await storage.put_bytes(KEY, b"content", "image/png")
    await hide_expired(database, 30)
    async with database.transaction() as tx:
        job = await factories.make_job(tx, status="completed", progress=100)
        file_id = await factories.make_file(tx, key=KEY, mime_type="image/png", job=job)
        output = await made(tx, job.collection, job=job, flat_file_id=file_id, url=public_url(settings, KEY))
    mine = as_user(job.user_id)
    shown = (await client.get(f"/outputs/{output}", headers=mine)).json()["data"]
    assert shown["expires_at"] > shown["completed_at"]
    [listed] = (await client.get("/outputs", headers=mine)).json()["data"]
    assert listed["expires_at"] == shown["expires_at"]
    assert await hide_expired(database, 30) == 0
    async with database.transaction() as tx:
        await end(tx, output)
    assert await hide_expired(database, 30) == 1
    assert (await client.get("/outputs", headers=mine)).json()["data"] == []
    never = settings.model_copy(update={"hidden_file_days": 0.0})
    assert await retention.remove_hidden_files(database, never) == 1
    await outbox.deliver_due(database, retention.handlers(database, storage))
    assert not await storage.exists(KEY)


@pytest.mark.parametrize(
    ("how", "stays"),
    [
        ("published deck", True),
        ("deck", False),
        ("development", True),
        ("finished development", False),
        ("input of a step", True),
        ("cover of a collection", True),
        ("running job", True),
        ("waiting input", True),
        ("retryable input", True),
        ("retried input", False),
        ("former input", False),
    ],
)
async def test_what_something_uses_stays(database: Database, settings: Settings, how: str, stays: bool) -> None:
    url = public_url(settings, KEY)
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        deck = await factories.make_deck(tx, collection, status="published" if "published" in how else "active")
        running = await factories.make_job(tx, collection=collection, status="processing")
        output = await made(
            tx, collection, url=url, deck_id=deck if "deck" in how else None, job=running if "job" in how else None
        )
        if "development" in how:
            state = "completed" if "finished" in how else "processing"
            await factories.make_output(tx, collection, source_output_id=output, status=state)
        if "step" in how:
            step = await factories.make_step(tx, running, status="processing")
            await tx.execute("UPDATE step SET input_data = %s WHERE id = %s", (Jsonb({"image": url}), step))
        if how.endswith(" input"):
            await taken(tx, collection, url, how.partition(" ")[0])
        if "cover" in how:
            await tx.execute("UPDATE collection SET cover_image_url = %s WHERE id = %s", (url, collection.id))
        await end(tx, output)
    assert await hide_expired(database, 0) == (not stays)
    assert await status(database, output) == ("completed" if stays else "hidden")


async def taken(tx: Transaction, collection: factories.Collection, url: str, how: str) -> None:
    """A job that was started with the output, and has no step that shows it."""
    status = "pending" if how == "waiting" else "failed"
    job = await factories.make_job(
        tx, collection=collection, status=status, variables={"image": url}, retry_count=3 if how == "retried" else 0
    )
    if status == "failed":
        days = 8 if how == "former" else 1
        await tx.execute(
            "UPDATE job SET max_retries = 3, completed_at = now() - %s * interval '1 day' WHERE id = %s", (days, job.id)
        )


async def test_many_go_in_one_run(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        deck = await factories.make_deck(tx, collection, status="published")
        for n in range(2 * BATCH + 3):
            await end(tx, await made(tx, collection, deck_id=deck if n % 2 else None))
    assert await hide_expired(database, 0) == BATCH + 2


async def test_operators_say_how_long(client: httpx2.AsyncClient, service: dict[str, str], database: Database) -> None:
    for kind in ("user", "collection"):
        path = f"/quotas/{kind}/{new_id()}"
        reply = await client.put(path, json={"result_days": 7}, headers=service)
        assert reply.status_code == 200, reply.text
        assert reply.json()["data"]["result_days"] == 7
        assert (await client.get(path, headers=service)).json()["data"]["result_days"] == 7
    listed = (await client.get("/quotas", headers=service)).json()["data"]
    assert [one["result_days"] for one in listed] == [7, 7]
    reply = await client.put(f"/quotas/key/{new_id()}", json={"result_days": 7}, headers=service)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
