"""What a job does to its outputs: opened into a deck."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.factories import (
    Job,
    make_collection,
    make_deck,
    make_job,
    make_output,
    make_social_link,
    make_user,
)
from tests.locks import somebody_waits
from tests.outputs.job_results.rig import deck_of, decks_agree, opened, outputs_of

from emprops.errors import AppError, BadRequestError, ConflictError, NotFoundError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id


async def test_first_generation_makes_a_deck_named_after_the_collection(tx: Transaction, job: Job) -> None:
    ids = await opened(tx, job, generations=3)
    outputs = await outputs_of(tx, job)
    assert [output["id"] for output in outputs] == ids
    assert [output["generation"] for output in outputs] == [0, 1, 2]
    assert [output["position"] for output in outputs] == [1, 2, 3]
    assert {output["status"] for output in outputs} == {"pending"}
    assert {output["source"] for output in outputs} == {"direct_api"}
    assert outputs[0]["input_metadata"] == {"variables": {}}
    assert outputs[0]["user_id"] == job.user_id
    deck = await deck_of(tx, outputs[0]["deck_id"])
    assert deck["name"] == job.collection.title
    assert (deck["user_id"], deck["collection_id"]) == (job.user_id, job.collection.id)
    assert (deck["status"], deck["output_count"], deck["is_custodial"]) == ("active", 3, False)


async def test_later_generations_go_to_the_newest_active_deck(tx: Transaction, job: Job) -> None:
    now, collection = datetime.now(UTC), job.collection
    await make_deck(tx, collection, created_at=now - timedelta(hours=3))
    right = await make_deck(tx, collection, created_at=now - timedelta(hours=2))
    for status in ("archived", "published", "locked"):
        await make_deck(tx, collection, status=status, created_at=now - timedelta(hours=1))
    await make_deck(tx, collection, (await make_user(tx)), created_at=now)
    await make_deck(tx, collection, custodied_for=await make_social_link(tx), created_at=now)
    await make_output(tx, collection, deck_id=right)
    await opened(tx, job, generations=2)
    outputs = await outputs_of(tx, job)
    assert [(output["deck_id"], output["position"]) for output in outputs] == [(right, 2), (right, 3)]
    assert await decks_agree(tx)


async def test_custody_keeps_decks_apart(tx: Transaction, job: Job) -> None:
    mine = await make_deck(tx, job.collection)
    link = await make_social_link(tx)
    await opened(tx, job, custodied_for=link)
    (output,) = await outputs_of(tx, job)
    deck = await deck_of(tx, output["deck_id"])
    assert deck["id"] != mine
    assert (deck["is_custodial"], deck["custodied_for"]) == (True, link)
    assert (output["is_custodial"], output["custodied_for"]) == (True, link)
    with pytest.raises(BadRequestError, match="held for somebody else"):
        await opened(tx, job, deck_id=mine, custodied_for=link)


async def test_no_deck_on_request(tx: Transaction, job: Job) -> None:
    await make_deck(tx, job.collection)
    await opened(tx, job, auto_create_deck=False)
    (output,) = await outputs_of(tx, job)
    assert (output["deck_id"], output["position"]) == (None, None)
    assert await decks_agree(tx)


async def test_untitled_collection_still_gets_a_deck(tx: Transaction, database: Database) -> None:
    job = await make_job(tx, collection=await make_collection(tx, title=" "))
    await opened(tx, job)
    (output,) = await outputs_of(tx, job)
    assert (await deck_of(tx, output["deck_id"]))["name"] == "Untitled"


@pytest.mark.parametrize(
    ("status", "message"), [("active", None), ("published", None), ("locked", "locked"), ("archived", "archived")]
)
async def test_named_deck_takes_outputs_by_its_state(
    tx: Transaction, job: Job, status: str, message: str | None
) -> None:
    deck_id = await make_deck(tx, job.collection, status=status)
    if message is None:
        await opened(tx, job, deck_id=deck_id)
        assert [output["deck_id"] for output in await outputs_of(tx, job)] == [deck_id]
    else:
        with pytest.raises(BadRequestError, match=message):
            await opened(tx, job, deck_id=deck_id)
    assert await decks_agree(tx)


async def test_deck_of_somebody_else_looks_unknown(tx: Transaction, job: Job) -> None:
    foreign = await make_deck(tx, job.collection, await make_user(tx))
    for deck_id in (foreign, new_id()):
        with pytest.raises(NotFoundError, match="Deck not found"):
            await opened(tx, job, deck_id=deck_id)


async def test_deck_of_another_collection_is_for_developed_outputs_only(tx: Transaction, job: Job) -> None:
    other = await make_collection(tx, job.user_id)
    deck_id = await make_deck(tx, other)
    source = await make_output(tx, other, deck_id=deck_id, status="completed")
    with pytest.raises(BadRequestError, match="another collection"):
        await opened(tx, job, deck_id=deck_id)
    await opened(tx, job, deck_id=deck_id, source_output_id=source)
    (output,) = await outputs_of(tx, job)
    assert (output["deck_id"], output["position"], output["source_output_id"]) == (deck_id, 2, source)
    assert output["collection_id"] == job.collection.id


@pytest.mark.parametrize("generations", [1, 3])
async def test_output_made_before_becomes_the_first_one(tx: Transaction, job: Job, generations: int) -> None:
    deck_id = await make_deck(tx, job.collection)
    before = await make_output(tx, job.collection, deck_id=deck_id)
    await make_deck(tx, job.collection)  # newer, but its siblings stay with it
    ids = await opened(tx, job, generations=generations, output_id=before)
    assert ids[0] == before
    outputs = await outputs_of(tx, job)
    assert [output["id"] for output in outputs] == ids
    assert [output["position"] for output in outputs] == list(range(1, generations + 1))
    assert {output["deck_id"] for output in outputs} == {deck_id}
    assert await decks_agree(tx)


async def test_output_made_before_must_be_free(tx: Transaction, job: Job) -> None:
    async def refused(error: type[AppError], match: str, output_id: UUID) -> None:
        with pytest.raises(error, match=match):
            await opened(tx, job, output_id=output_id)

    await refused(NotFoundError, "Output not found", new_id())
    await refused(NotFoundError, "Output not found", await make_output(tx, job.collection, await make_user(tx)))
    await refused(
        ConflictError, "another job", await make_output(tx, job=await make_job(tx, collection=job.collection))
    )
    await refused(ConflictError, "another collection", await make_output(tx, await make_collection(tx, job.user_id)))
    for status in ("completed", "failed", "hidden", "processing"):
        await refused(ConflictError, status, await make_output(tx, job.collection, status=status))
    assert await outputs_of(tx, job) == []


async def test_first_generations_at_once_make_one_deck(database: Database) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        jobs = [await make_job(tx, collection=collection) for _ in range(2)]

    async def generate() -> None:
        async with database.transaction() as tx:
            await opened(tx, jobs[1], generations=2)

    async with database.transaction() as first:
        await opened(first, jobs[0], generations=2)
        second = asyncio.create_task(generate())
        await somebody_waits(database, second)
    await second
    async with database.transaction() as tx:
        decks = await tx.fetch_dicts("SELECT * FROM deck")
        positions = await tx.fetch_values("SELECT position FROM output ORDER BY position")
        assert await decks_agree(tx)
    assert [deck["output_count"] for deck in decks] == [4]
    assert positions == [1, 2, 3, 4]


async def test_generation_that_meets_a_lock_goes_to_another_deck(database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        deck_id = await make_deck(tx, job.collection)
    async with database.transaction() as locking:
        await locking.execute("UPDATE deck SET status = 'locked' WHERE id = %s", (deck_id,))

        async def generate() -> UUID:
            async with database.transaction() as tx:
                await opened(tx, job)
                return UUID(str((await outputs_of(tx, job))[0]["deck_id"]))

        generation = asyncio.create_task(generate())
        await somebody_waits(database, generation)
    assert await generation != deck_id
    async with database.transaction() as tx:
        assert (await deck_of(tx, deck_id))["output_count"] == 0


async def test_lock_waits_for_an_addition_under_way(database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        deck_id = await make_deck(tx, job.collection)

    async def lock() -> int:
        async with database.transaction() as tx:
            return int(
                await tx.fetch_value(
                    "UPDATE deck SET status = 'locked' WHERE id = %s RETURNING output_count", (deck_id,)
                )
            )

    async with database.transaction() as adding:
        await opened(adding, job, deck_id=deck_id)
        locking = asyncio.create_task(lock())
        await somebody_waits(database, locking)
    assert await locking == 1
