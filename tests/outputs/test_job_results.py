"""What a job does to its outputs: opened into a deck, finished with its files, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.factories import (
    Job,
    make_collection,
    make_deck,
    make_file,
    make_job,
    make_output,
    make_social_link,
    make_user,
)
from tests.locks import somebody_waits

from emprops.errors import AppError, BadRequestError, ConflictError, NotFoundError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow
from emprops.outputs import job_results


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Transaction]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
async def job(tx: Transaction) -> Job:
    return await make_job(tx)


async def opened(
    tx: Transaction, job: Job, generations: int = 1, output_id: UUID | None = None, **to: Any
) -> list[UUID]:
    return await job_results.open_for_job(
        tx,
        job_id=job.id,
        user_id=job.user_id,
        collection_id=job.collection.id,
        collection_title=job.collection.title,
        generations=generations,
        source="direct_api",
        input_metadata={"variables": {}},
        output_id=output_id,
        to=job_results.Destination(**to),
    )


async def outputs_of(tx: Transaction, job: Job) -> list[dict[str, Any]]:
    return await tx.fetch_dicts("SELECT * FROM output WHERE job_id = %s ORDER BY generation, id", (job.id,))


async def deck_of(tx: Transaction, deck_id: UUID) -> dict[str, Any]:
    return (await tx.fetch_dicts("SELECT * FROM deck WHERE id = %s", (deck_id,)))[0]


async def decks_agree(tx: Transaction) -> bool:
    """The counts that decks keep are those of their visible outputs, and no position is beyond the last."""
    wrong = await tx.fetch_values(
        """
        SELECT d.id FROM deck d LEFT JOIN output o ON o.deck_id = d.id GROUP BY d.id
        HAVING d.output_count <> count(o.id) FILTER (WHERE o.status <> 'hidden')
               OR d.last_position < coalesce(max(o.position), 0)
        """
    )
    return wrong == []


async def a_file(tx: Transaction, job: Job, mime_type: str = "image/png") -> FileRow:
    key = f"generations/{new_id()}.png"
    return FileRow(await make_file(tx, key=key, mime_type=mime_type, job=job), f"http://x/files/{key}", mime_type)


# --- opening


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


# --- finishing


async def states(tx: Transaction, job: Job) -> list[str]:
    return [output["status"] for output in await outputs_of(tx, job)]


async def test_job_that_begins_sets_pending_outputs_processing(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    other = await make_job(tx)
    for status in ("hidden", "completed", "failed"):
        await make_output(tx, job=other, status=status)
    assert await job_results.processing_for_jobs(tx, [job.id, other.id]) == 2
    assert await states(tx, job) == ["processing", "processing"]
    assert sorted(await states(tx, other)) == ["completed", "failed", "hidden"]


@pytest.mark.parametrize("began", [True, False])
async def test_end_gives_each_generation_its_file(tx: Transaction, job: Job, began: bool) -> None:
    await opened(tx, job, generations=2)
    if began:
        await job_results.processing_for_jobs(tx, [job.id])
    files = {0: [await a_file(tx, job)], 1: [await a_file(tx, job, "video/mp4")]}
    await job_results.complete_for_job(tx, job.id, files, {"seed": 7})
    outputs = await outputs_of(tx, job)
    for output, (file,) in zip(outputs, files.values(), strict=True):
        assert (output["status"], output["url"], output["mime_type"]) == ("completed", file.url, file.mime_type)
        assert output["flat_file_id"] == file.id
        assert output["output_metadata"] == {"seed": 7}
        assert output["completed_at"] is not None
    await job_results.complete_for_job(tx, job.id, files, None)
    assert await outputs_of(tx, job) == outputs


async def test_further_files_get_further_outputs_in_the_same_deck(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    await make_output(tx, job.collection, deck_id=(await outputs_of(tx, job))[0]["deck_id"])
    files = {0: [await a_file(tx, job) for _ in range(3)], 1: [await a_file(tx, job)]}
    await job_results.complete_for_job(tx, job.id, files, None)
    outputs = await outputs_of(tx, job)
    assert [output["url"] for output in outputs] == [file.url for results in files.values() for file in results]
    assert [output["generation"] for output in outputs] == [0, 0, 0, 1]
    assert [output["position"] for output in outputs] == [1, 4, 5, 2]
    assert len({output["deck_id"] for output in outputs}) == 1
    for output in outputs[1:3]:
        assert output["input_metadata"] == {"variables": {}}
        assert (output["source"], output["user_id"]) == ("direct_api", job.user_id)
    assert await decks_agree(tx)
    await job_results.complete_for_job(tx, job.id, files, None)
    assert await outputs_of(tx, job) == outputs
    assert await decks_agree(tx)


async def test_further_outputs_stay_out_of_a_deck_locked_meanwhile(tx: Transaction, job: Job) -> None:
    deck_id = await make_deck(tx, job.collection)
    await opened(tx, job)
    await tx.execute("UPDATE deck SET status = 'locked'")
    await job_results.complete_for_job(tx, job.id, {0: [await a_file(tx, job), await a_file(tx, job)]}, None)
    outputs = await outputs_of(tx, job)
    assert [(output["deck_id"], output["status"]) for output in outputs] == [
        (deck_id, "completed"),
        (None, "completed"),
    ]
    assert await decks_agree(tx)


async def test_hidden_output_stays_hidden_and_its_file_is_not_shown_beside_it(tx: Transaction, job: Job) -> None:
    await make_output(tx, job=job, status="hidden")
    await job_results.complete_for_job(tx, job.id, {0: [await a_file(tx, job)]}, None)
    (output,) = await outputs_of(tx, job)
    assert (output["status"], output["url"]) == ("hidden", None)


async def test_success_never_regresses(tx: Transaction, job: Job) -> None:
    done = await make_output(tx, job=job, status="completed", url="http://elsewhere/mine.png")
    assert await job_results.fail_for_job(tx, job.id, "no") == 0
    assert await job_results.reopen_for_job(tx, job.id) == 0
    assert await job_results.processing_for_jobs(tx, [job.id]) == 0
    await job_results.complete_for_job(tx, job.id, {0: [await a_file(tx, job)]}, None)
    (output,) = await outputs_of(tx, job)
    assert (output["id"], output["status"], output["url"]) == (done, "completed", "http://elsewhere/mine.png")


async def test_failure_retry_and_late_success(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    await job_results.processing_for_jobs(tx, [job.id])
    assert await job_results.fail_for_job(tx, job.id, "no model") == 2
    assert await job_results.fail_for_job(tx, job.id, "again") == 0
    outputs = await outputs_of(tx, job)
    assert {(output["status"], output["error_message"]) for output in outputs} == {("failed", "no model")}
    assert await job_results.reopen_for_job(tx, job.id) == 2
    assert {(o["status"], o["error_message"]) for o in await outputs_of(tx, job)} == {("pending", None)}
    await job_results.fail_for_job(tx, job.id, "still no model")
    files = {0: [FileRow(None, "https://cdn.example.com/a.png", "image/png", "https://cdn.example.com/t.png")]}
    await job_results.complete_for_job(tx, job.id, files, None)
    first, second = await outputs_of(tx, job)
    assert (first["status"], first["error_message"], first["flat_file_id"]) == ("completed", None, None)
    assert first["thumbnail_url"] == "https://cdn.example.com/t.png"
    assert (second["status"], second["error_message"]) == ("failed", "still no model")


async def test_generation_without_files_does_not_stay_open(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    await job_results.complete_for_job(tx, job.id, {1: [await a_file(tx, job)]}, None)
    first, second = await outputs_of(tx, job)
    assert (first["status"], first["error_message"]) == ("failed", job_results.NO_RESULT)
    assert second["status"] == "completed"


async def test_job_without_outputs_gets_none(tx: Transaction, job: Job) -> None:
    await job_results.complete_for_job(tx, job.id, {0: [await a_file(tx, job)]}, None)
    assert await outputs_of(tx, job) == []


async def test_file_that_the_client_shows_already_is_shown_once(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    taken, free = await a_file(tx, job), await a_file(tx, job)
    mine = await make_output(tx, job.collection, status="completed", url=taken.url, flat_file_id=taken.id)
    await job_results.complete_for_job(tx, job.id, {0: [taken], 1: [free]}, None)
    assert await states(tx, job) == ["hidden", "completed"]
    assert await tx.fetch_values("SELECT id FROM output WHERE flat_file_id = %s", (taken.id,)) == [mine]
    assert await decks_agree(tx)


async def test_two_ends_of_one_job_at_once_are_one(database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        await opened(tx, job)
        files = {0: [await a_file(tx, job), await a_file(tx, job)]}

    async def end() -> None:
        async with database.transaction() as tx:
            await tx.execute("SELECT FROM job WHERE id = %s FOR NO KEY UPDATE", (job.id,))
            await job_results.complete_for_job(tx, job.id, files, None)

    await asyncio.gather(*(end() for _ in range(4)))
    async with database.transaction() as tx:
        assert await states(tx, job) == ["completed", "completed"]
        assert await decks_agree(tx)
