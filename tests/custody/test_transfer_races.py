"""Custody is handed over at sign-up, whatever happens at the same time."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.custody.conftest import HELD, Desk, hold_things
from tests.factories import make_collection, make_deck, make_file, make_job, make_output, make_social_link
from tests.locks import somebody_waits

from emprops.custody import service, store, transfer
from emprops.errors import ConflictError
from emprops.jobs import store as jobs
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.media.file_store import FileRow, lock_files
from emprops.outputs import job_results as outputs
from emprops.outputs import job_results_store as output_store
from emprops.outputs import store as client_outputs


async def lock_job(tx: Transaction, job_id: UUID) -> None:
    assert job_id in await jobs.lock_jobs(tx, [job_id])


async def test_two_claims_at_once(desk: Desk) -> None:
    await hold_things(desk, new_id())
    people = [new_id(), new_id(), new_id()]
    replies = await asyncio.gather(*(desk.transfer(person) for person in people for _ in range(2)))
    codes = [reply.status_code for reply in replies]
    assert sorted(codes) == [200, 200, 409, 409, 409, 409]
    winner = people[codes.index(200) // 2]
    assert len(await desk.rows("SELECT FROM custody_transfer")) == 1
    assert await desk.rows("SELECT user_id, count(*) AS n FROM output WHERE user_id = ANY(%s) GROUP BY 1", people) == [
        {"user_id": winner, "n": 3}
    ]
    assert await desk.rows(HELD) == [{"held": 0}]


async def test_an_output_made_before_the_transfer_is_seen_by_it(desk: Desk) -> None:
    """The maker has the link, and has not committed: the transfer waits, and takes the output along."""
    custodian, person = new_id(), new_id()
    things = await hold_things(desk, custodian)
    async with desk.database.transaction() as tx:
        link = await service.find_or_make_link(tx, "farcaster", "vitalik")
        moving = asyncio.ensure_future(desk.transfer(person))
        await somebody_waits(desk.database)
        late = await make_output(tx, None, custodian, deck_id=things["deck"], custodied_for=link.holds)
    assert (await moving).json()["data"]["outputs"] == 4
    assert (await desk.get(f"/outputs/{late}", person))["deck_id"] == str(things["deck"])


async def test_an_output_made_during_the_transfer_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transfer is about to commit: the maker waits, and is told."""
    custodian, person = new_id(), new_id()
    await hold_things(desk, custodian)
    async with desk.database.transaction() as tx:
        collection = await make_collection(tx, is_public=True)
    insert, making = store.insert_transfer, []

    async def insert_later(*arguments: Any, **options: Any) -> None:
        body = {"collection_id": str(collection.id), "social_org": "farcaster", "social_identifier": "vitalik"}
        making.append(asyncio.ensure_future(desk.post("/outputs", body, custodian)))
        await somebody_waits(desk.database)
        await insert(*arguments, **options)

    monkeypatch.setattr(store, "insert_transfer", insert_later)
    assert (await desk.transfer(person)).status_code == 200
    assert (await making[0]).status_code == 409
    assert await desk.rows(HELD) == [{"held": 0}]


async def lock_outputs(tx: Transaction, job_id: UUID) -> None:
    await output_store.lock_of_jobs(tx, [job_id])


@pytest.mark.parametrize("lock", [lock_job, lock_outputs])
async def test_a_job_that_ends_during_the_transfer(desk: Desk, lock: Any) -> None:
    """It has itself or its outputs locked, and adds one beside the first for its second file: that one must not stay
    behind."""
    custodian, person = new_id(), new_id()
    async with desk.database.transaction() as tx:
        link = await make_social_link(tx, "vitalik")
        job = await make_job(tx, custodian, status="processing")
        deck = await make_deck(tx, job.collection, custodian, custodied_for=link)
        await make_output(tx, job=job, deck_id=deck, custodied_for=link)
        files = [await make_file(tx, job=job) for _ in range(2)]
    rows = [FileRow(id=file, url=f"http://x.test/{file}.png", mime_type="image/png") for file in files]
    async with desk.database.transaction() as tx:
        await lock(tx, job.id)
        moving = asyncio.ensure_future(desk.transfer(person))
        await somebody_waits(desk.database)
        await outputs.complete_for_jobs(tx, {job.id: {0: rows}})
    assert (await moving).json()["data"]["outputs"] == 2
    shown = await desk.get(f"/decks/{deck}", person)
    assert [(one["status"], one["position"]) for one in shown["outputs"]] == [("completed", 1), ("completed", 2)]
    assert await desk.rows(HELD) == [{"held": 0}]


async def test_a_completion_during_the_transfer(desk: Desk) -> None:
    """A client's completion locks the file before the output; so does the transfer, and neither waits in a circle."""
    custodian, person = new_id(), new_id()
    things = await hold_things(desk, custodian)
    (shown,) = await desk.rows("SELECT flat_file_id, job_id FROM output WHERE id = %s", things["shown"])
    async with desk.database.transaction() as tx:
        await lock_files(tx, [shown["flat_file_id"]])
        moving = asyncio.ensure_future(desk.transfer(person))
        await somebody_waits(desk.database)
        held = await client_outputs.lock(tx, things["shown"])
        assert held is not None
        assert held.user_id == custodian
    assert (await moving).status_code == 200
    assert (await desk.get(f"/outputs/{things['shown']}", person))["status"] == "completed"


async def test_a_job_that_ends_after_the_transfer_completes_the_output_where_it_is(desk: Desk) -> None:
    custodian, person = new_id(), new_id()
    async with desk.database.transaction() as tx:
        link = await make_social_link(tx, "vitalik")
        job = await make_job(tx, custodian, status="processing")
        output = await make_output(tx, job=job, custodied_for=link)
        file = await make_file(tx, job=job)
    await desk.transfer(person)
    async with desk.database.transaction() as tx:
        await outputs.complete_for_jobs(tx, {job.id: {0: [FileRow(file, "http://x.test/a.png", "image/png")]}})
    assert (await desk.get(f"/outputs/{output}", person))["status"] == "completed"


async def test_a_deletion_at_the_same_time(desk: Desk) -> None:
    """Whichever is first, the output ends hidden or the person's, and is counted once."""
    custodian, person = new_id(), new_id()
    things = await hold_things(desk, custodian)
    deleted, moved = await asyncio.gather(
        desk.client.delete(f"/outputs/{things['shown']}", headers=as_user(custodian)), desk.transfer(person)
    )
    assert moved.status_code == 200
    assert deleted.status_code in {200, 404}
    output = await desk.get(f"/outputs/{things['shown']}", person)
    assert output["status"] == ("hidden" if deleted.status_code == 200 else "completed")
    deck = await desk.get(f"/decks/{things['deck']}", person)
    assert deck["output_count"] == len(deck["outputs"])


async def test_a_crowd(desk: Desk, database: Database) -> None:
    """Makers, claimants and the winner again, all at once: nothing is left behind."""
    custodians, people = [new_id(), new_id()], [new_id(), new_id()]
    for custodian in custodians:
        await hold_things(desk, custodian)
    async with database.transaction() as tx:
        collection = await make_collection(tx, is_public=True)
    body = {"collection_id": str(collection.id), "social_org": "farcaster", "social_identifier": "vitalik"}
    made = [desk.post("/outputs", body, custodian) for custodian in custodians for _ in range(6)]
    claims = [desk.transfer(person) for person in people for _ in range(2)]
    mixed = [request for pair in zip(made[:4], claims, strict=True) for request in pair] + made[4:]
    replies = await asyncio.gather(*mixed)
    assert {reply.status_code for reply in replies} <= {200, 201, 409}
    assert await desk.rows(HELD) == [{"held": 0}]
    (audit,) = await desk.rows("SELECT * FROM custody_transfer")
    created = sum(reply.status_code == 201 for reply in replies)
    assert audit["outputs"] == 6 + created
    owned = await desk.rows("SELECT count(*) AS n FROM output WHERE user_id = %s", audit["user_id"])
    assert owned == [{"n": 6 + created}]
    (link,) = await desk.rows("SELECT user_id FROM social_link")
    assert link["user_id"] == audit["user_id"]


async def test_the_table_allows_one_transfer_only(database: Database) -> None:
    async with database.transaction() as tx:
        await transfer.transfer(tx, "lens", "vitalik", new_id(), requested_by="test", actor="key:emp_test")
        with pytest.raises(ConflictError):
            await transfer.transfer(tx, "lens", "vitalik", new_id(), requested_by="test", actor="key:emp_test")
        link = await service.find_link(tx, "lens", "vitalik")
        assert link is not None
        assert await store.claim(tx, link.id, new_id()) is False
