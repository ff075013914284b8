"""What a job does to its outputs: finished with its files, once."""

import asyncio

import pytest
from tests.factories import (
    Job,
    make_deck,
    make_job,
    make_output,
)
from tests.outputs.job_results.rig import a_file, decks_agree, opened, outputs_of, states

from emprops.kit.database import Database, Transaction
from emprops.media.file_store import FileRow
from emprops.outputs import job_results


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
    await job_results.complete_for_jobs(tx, {job.id: files}, {"seed": 7})
    outputs = await outputs_of(tx, job)
    for output, (file,) in zip(outputs, files.values(), strict=True):
        assert (output["status"], output["url"], output["mime_type"]) == ("completed", file.url, file.mime_type)
        assert output["flat_file_id"] == file.id
        assert output["output_metadata"] == {"seed": 7}
        assert output["completed_at"] is not None
    await job_results.complete_for_jobs(tx, {job.id: files})
    assert await outputs_of(tx, job) == outputs


async def test_further_files_get_further_outputs_in_the_same_deck(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    await make_output(tx, job.collection, deck_id=(await outputs_of(tx, job))[0]["deck_id"])
    files = {0: [await a_file(tx, job) for _ in range(3)], 1: [await a_file(tx, job)]}
    await job_results.complete_for_jobs(tx, {job.id: files})
    outputs = await outputs_of(tx, job)
    assert [output["url"] for output in outputs] == [file.url for results in files.values() for file in results]
    assert [output["generation"] for output in outputs] == [0, 0, 0, 1]
    assert [output["position"] for output in outputs] == [1, 4, 5, 2]
    assert len({output["deck_id"] for output in outputs}) == 1
    for output in outputs[1:3]:
        assert output["input_metadata"] == {"variables": {}}
        assert (output["source"], output["user_id"]) == ("direct_api", job.user_id)
    assert await decks_agree(tx)
    await job_results.complete_for_jobs(tx, {job.id: files})
    assert await outputs_of(tx, job) == outputs
    assert await decks_agree(tx)


async def test_further_outputs_stay_out_of_a_deck_locked_meanwhile(tx: Transaction, job: Job) -> None:
    deck_id = await make_deck(tx, job.collection)
    await opened(tx, job)
    await tx.execute("UPDATE deck SET status = 'locked'")
    await job_results.complete_for_jobs(tx, {job.id: {0: [await a_file(tx, job), await a_file(tx, job)]}})
    outputs = await outputs_of(tx, job)
    assert [(output["deck_id"], output["status"]) for output in outputs] == [
        (deck_id, "completed"),
        (None, "completed"),
    ]
    assert await decks_agree(tx)


async def test_hidden_output_stays_hidden_and_its_file_is_not_shown_beside_it(tx: Transaction, job: Job) -> None:
    await make_output(tx, job=job, status="hidden")
    await job_results.complete_for_jobs(tx, {job.id: {0: [await a_file(tx, job)]}})
    (output,) = await outputs_of(tx, job)
    assert (output["status"], output["url"]) == ("hidden", None)


async def test_success_never_regresses(tx: Transaction, job: Job) -> None:
    done = await make_output(tx, job=job, status="completed", url="http://elsewhere/mine.png")
    assert await job_results.fail_for_job(tx, job.id, "no") == 0
    assert await job_results.reopen_for_job(tx, job.id) == 0
    assert await job_results.processing_for_jobs(tx, [job.id]) == 0
    await job_results.complete_for_jobs(tx, {job.id: {0: [await a_file(tx, job)]}})
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
    await job_results.complete_for_jobs(tx, {job.id: files})
    first, second = await outputs_of(tx, job)
    assert (first["status"], first["error_message"], first["flat_file_id"]) == ("completed", None, None)
    assert first["thumbnail_url"] == "https://cdn.example.com/t.png"
    assert (second["status"], second["error_message"]) == ("failed", "still no model")


async def test_generation_without_files_does_not_stay_open(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    await job_results.complete_for_jobs(tx, {job.id: {1: [await a_file(tx, job)]}})
    first, second = await outputs_of(tx, job)
    assert (first["status"], first["error_message"]) == ("failed", job_results.NO_RESULT)
    assert second["status"] == "completed"


async def test_job_without_outputs_gets_none(tx: Transaction, job: Job) -> None:
    await job_results.complete_for_jobs(tx, {job.id: {0: [await a_file(tx, job)]}})
    assert await outputs_of(tx, job) == []


async def test_file_that_the_client_shows_already_is_shown_once(tx: Transaction, job: Job) -> None:
    await opened(tx, job, generations=2)
    taken, free = await a_file(tx, job), await a_file(tx, job)
    mine = await make_output(tx, job.collection, status="completed", url=taken.url, flat_file_id=taken.id)
    await job_results.complete_for_jobs(tx, {job.id: {0: [taken], 1: [free]}})
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
            await job_results.complete_for_jobs(tx, {job.id: files})

    await asyncio.gather(*(end() for _ in range(4)))
    async with database.transaction() as tx:
        assert await states(tx, job) == ["completed", "completed"]
        assert await decks_agree(tx)
