"""Counts of outputs: exact at any moment, whoever changes what, folded or not."""

import asyncio
import random
from collections import Counter
from uuid import UUID, uuid4

import httpx2
import pytest
from tests import factories
from tests.apps import as_user

from emprops.decks.count_store import counts_of, fold_changes
from emprops.kit.database import Database, Transaction

STATUSES = ("pending", "processing", "completed", "failed", "hidden")


async def counted(tx: Transaction, column: str, subject: UUID) -> dict[str, int]:
    rows = await tx.fetch_values(f"SELECT status FROM output WHERE {column} = %s", (subject,))
    return dict(Counter(rows))


async def test_stats_of_the_document(client: httpx2.AsyncClient, database: Database) -> None:
    wanted = {"completed": 12, "pending": 5, "failed": 2, "hidden": 3}
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        deck = await factories.make_deck(tx, collection)
        for status, number in wanted.items():
            for n in range(number):
                await factories.make_output(tx, collection, deck_id=deck if n < 2 else None, status=status)
        await factories.make_output(tx, user_id=collection.user_id)  # of another collection
    me = as_user(collection.user_id)
    for _ in range(2):
        reply = (await client.get(f"/collections/{collection.id}/outputs/stats", headers=me)).json()
        assert reply == {"data": {"total": 22, "byStatus": wanted}, "error": None}
        reply = (await client.get(f"/decks/{deck}/stats", headers=me)).json()
        assert reply == {"data": {"byStatus": dict.fromkeys(wanted, 2)}, "error": None}
        await fold_changes(database)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM output_count_change") == 0


async def test_who_may_see_stats(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        private = await factories.make_collection(tx)
        public = await factories.make_collection(tx, is_public=True)
        decks = {status: await factories.make_deck(tx, private, status=status) for status in ("active", "published")}
        for deck in decks.values():
            await factories.make_output(tx, private, deck_id=deck, status="hidden")
            await factories.make_output(tx, private, deck_id=deck, status="failed")
        unknown = await factories.make_collection(tx)
    stranger = as_user(uuid4())
    shown = await client.get(f"/decks/{decks['published']}/stats", headers=stranger)
    assert shown.json()["data"] == {"byStatus": {"failed": 1}}
    for path in (f"/decks/{decks['active']}/stats", f"/decks/{uuid4()}/stats"):
        assert (await client.get(path, headers=stranger)).json()["error"] == "Deck not found"
    path = "/collections/{}/outputs/stats"
    assert (await client.get(path.format(public.id), headers=stranger)).json()["data"] == {"total": 0, "byStatus": {}}
    for collection_id in (unknown.id, uuid4()):
        refused = await client.get(path.format(collection_id), headers=stranger)
        assert (refused.status_code, refused.json()["error"]) == (404, "Collection not found")


async def test_concurrent_changes_and_folds_lose_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        deck = await factories.make_deck(tx, collection)

    async def work(n: int) -> None:
        async with database.transaction() as tx:
            output = await factories.make_output(tx, collection, deck_id=deck)
        async with database.transaction() as tx:
            await tx.execute("UPDATE output SET status = %s WHERE id = %s", (STATUSES[n % 5], output))

    async def look() -> None:
        async with database.reader() as reader:
            for subject in (collection.id, deck):
                counts = await counts_of(reader, subject)
                assert min(counts.by_status().values(), default=0) >= 0
                assert counts.total <= 40

    folds = [fold_changes(database) for _ in range(10)]
    await asyncio.gather(*(work(n) for n in range(40)), *folds, *(look() for _ in range(20)))
    async with database.transaction() as tx:
        for column, subject in (("collection_id", collection.id), ("deck_id", deck)):
            assert (await counts_of(tx, subject)).by_status() == await counted(tx, column, subject)


async def test_a_statement_that_changes_no_count_leaves_no_note(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await factories.make_collection(tx)
        for _ in range(3):
            await factories.make_output(tx, collection)
    await fold_changes(database)
    async with database.transaction() as tx:
        await tx.execute("UPDATE output SET thumbnail_url = 'x'")
        assert await tx.fetch_value("SELECT count(*) FROM output_count_change") == 0
        await tx.execute("UPDATE output SET status = 'failed'")
        assert await tx.fetch_value("SELECT count(*) FROM output_count_change") == 1


@pytest.mark.parametrize("seed", range(3))
async def test_every_change_is_counted(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    async with database.transaction() as tx:
        collections = [await factories.make_collection(tx) for _ in range(2)]
        decks = [await factories.make_deck(tx, collection) for collection in collections]
        outputs = [
            await factories.make_output(tx, dice.choice(collections), deck_id=dice.choice([None, *decks]))
            for _ in range(12)
        ]
    for _ in range(12):
        async with database.transaction() as tx:
            some = dice.sample(outputs, dice.randint(1, 6))
            match dice.choice(["status", "deck", "collection", "delete", "fold"]):
                case "status":
                    await tx.execute("UPDATE output SET status = %s WHERE id = ANY(%s)", (dice.choice(STATUSES), some))
                case "deck":
                    await tx.execute(
                        "UPDATE output SET deck_id = NULL, position = NULL WHERE id = ANY(%s)", (some[:1],)
                    )
                case "collection":
                    await tx.execute(
                        "UPDATE output SET collection_id = %s WHERE id = ANY(%s)", (dice.choice(collections).id, some)
                    )
                case "delete":
                    await tx.execute("DELETE FROM output WHERE id = ANY(%s)", (some[:1],))
                case "fold":
                    await fold_changes(database)
        async with database.reader() as reader:
            for column, subjects in (("collection_id", [c.id for c in collections]), ("deck_id", decks)):
                for subject in subjects:
                    assert (await counts_of(reader, subject)).by_status() == await counted(reader, column, subject)
