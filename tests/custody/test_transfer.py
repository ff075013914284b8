"""Custody is handed over at sign-up: everything, once, whatever happens at the same time."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.custody.conftest import Desk
from tests.factories import make_collection, make_deck, make_file, make_job, make_output, make_project, make_social_link
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

HELD = """
    SELECT (SELECT count(*) FROM output WHERE custodied_for IS NOT NULL OR is_custodial)
         + (SELECT count(*) FROM deck WHERE custodied_for IS NOT NULL OR is_custodial)
         + (SELECT count(*) FROM collection WHERE custodied_for IS NOT NULL OR is_custodial) AS held
"""


async def hold_things(desk: Desk, custodian: UUID, identifier: str = "vitalik") -> dict[str, UUID]:
    """A collection, a deck with two outputs (one shows a file), and an output without a deck."""
    async with desk.database.transaction() as tx:
        link = await make_social_link(tx, identifier)
        made = await make_collection(tx, custodian, custodied_for=link)
        public = await make_collection(tx, is_public=True)
        deck = await make_deck(tx, public, custodian, custodied_for=link)
        job = await make_job(tx, custodian, collection=public, status="completed")
        file = await make_file(tx, job=job)
        shown = await make_output(
            tx, public, custodian, deck_id=deck, status="completed", flat_file_id=file, custodied_for=link
        )
        hidden = await make_output(tx, public, custodian, deck_id=deck, status="hidden", custodied_for=link)
        loose = await make_output(tx, public, custodian, custodied_for=link)
        await make_output(tx, public, custodian)  # the custodian's own
    return {"link": link, "collection": made.id, "deck": deck, "shown": shown, "hidden": hidden, "loose": loose}


async def test_everything_moves_at_once(desk: Desk) -> None:
    custodian, person = new_id(), new_id()
    things = await hold_things(desk, custodian)
    others = await hold_things(desk, custodian, "somebody else")
    reply = await desk.transfer(person)
    assert reply.status_code == 200, reply.text
    data = reply.json()["data"]
    assert (data["collections"], data["decks"], data["outputs"]) == (1, 1, 3)
    assert (data["user_id"], data["holders"]) == (str(person), [str(custodian)])
    assert data["social_link"]["social_identifier"] == "vitalik"
    assert data["social_link"]["user_id"] == str(person)

    for name in ("shown", "hidden", "loose"):
        output = await desk.get(f"/outputs/{things[name]}", person)
        assert (output["is_custodial"], output["custodied_for"]) == (False, None)
        assert (await desk.client.get(f"/outputs/{things[name]}", headers=as_user(custodian))).status_code == 404
    deck = await desk.get(f"/decks/{things['deck']}", person)
    assert (deck["is_custodial"], deck["output_count"]) == (False, 1)
    collection = await desk.get(f"/collections/{things['collection']}", person)
    assert (collection["is_custodial"], collection["custodied_for"]) == (False, None)
    projects = await desk.get("/projects", person)
    assert [(one["id"], one["is_default"]) for one in projects] == [(collection["project_id"], True)]
    files = "SELECT f.user_id FROM flat_file f JOIN output o ON o.flat_file_id = f.id WHERE o.id = %s"
    assert await desk.rows(files, things["shown"]) == [{"user_id": person}]
    untouched = await desk.get(f"/outputs/{others['loose']}", custodian)
    assert untouched["custodied_for"] == str(others["link"])
    assert len(await desk.rows("SELECT FROM output WHERE user_id = %s AND custodied_for IS NULL", custodian)) == 2


async def test_the_default_project_there_is(desk: Desk) -> None:
    custodian, person = new_id(), new_id()
    things = await hold_things(desk, custodian)
    async with desk.database.transaction() as tx:
        project = await make_project(tx, person, is_default=True)
    await desk.transfer(person)
    assert (await desk.get(f"/collections/{things['collection']}", person))["project_id"] == str(project)


async def test_again_changes_nothing(desk: Desk) -> None:
    person = new_id()
    await hold_things(desk, new_id())
    first = await desk.transfer(person)
    before = await desk.rows("SELECT * FROM social_link")
    second = await desk.transfer(person)
    assert second.json()["data"] == first.json()["data"]
    assert await desk.rows("SELECT * FROM social_link") == before
    (audit,) = await desk.rows("SELECT * FROM custody_transfer")
    assert (audit["user_id"], audit["outputs"], audit["created_at"]) == (person, 3, before[0]["claimed_at"])
    assert audit["requested_by"].startswith("key:")


async def test_nobody_else_can_claim_it(desk: Desk) -> None:
    person = new_id()
    things = await hold_things(desk, new_id())
    await desk.transfer(person)
    reply = await desk.transfer(new_id())
    assert reply.status_code == 409
    assert reply.json()["error"] == "This identity has signed up as another user already."
    assert (await desk.get(f"/outputs/{things['loose']}", person))["id"] == str(things["loose"])


async def test_an_identity_for_which_nothing_is_held(desk: Desk) -> None:
    person = new_id()
    data = (await desk.transfer(person, "newcomer", "lens")).json()["data"]
    assert (data["collections"], data["decks"], data["outputs"], data["holders"]) == (0, 0, 0, [])
    assert await desk.rows("SELECT FROM project WHERE user_id = %s", person) == []


async def test_several_custodians_and_a_custodian_who_is_the_person(desk: Desk) -> None:
    first, second, person = new_id(), new_id(), new_id()
    for custodian in (first, second, person):
        await hold_things(desk, custodian)
    data = (await desk.transfer(person)).json()["data"]
    assert (data["collections"], data["decks"], data["outputs"]) == (3, 3, 9)
    assert set(data["holders"]) == {str(first), str(second), str(person)}
    assert await desk.rows(HELD) == [{"held": 0}]


@pytest.mark.parametrize(
    "change", [{"social_org": "myspace"}, {"social_identifier": ""}, {"social_identifier": "  "}, {"user_id": "me"}]
)
async def test_what_is_no_transfer(desk: Desk, change: dict[str, str]) -> None:
    body = {"social_org": "farcaster", "social_identifier": "vitalik", "user_id": str(new_id()), **change}
    reply = await desk.client.post("/api/social-links/transfer", json=body, headers=desk.service)
    assert reply.status_code == 400
    assert await desk.rows("SELECT FROM social_link") == []


async def test_only_services_transfer(desk: Desk) -> None:
    body = {"social_org": "farcaster", "social_identifier": "vitalik", "user_id": str(new_id())}
    assert (await desk.post("/api/social-links/transfer", body, new_id())).status_code == 401
    assert (await desk.client.get("/api/social-links", headers=as_user(new_id()))).status_code == 401


async def test_after_the_sign_up_nothing_is_held_any_more(desk: Desk) -> None:
    custodian, person = new_id(), new_id()
    await desk.transfer(person)
    async with desk.database.transaction() as tx:
        collection = await make_collection(tx, is_public=True)
    pair = {"social_org": "farcaster", "social_identifier": "vitalik"}
    simple = {
        "collection_details": {"title": "Animals", "description": "", **pair},
        "variables": [],
        "job_type": "openai_chat",
        "template_json": {},
    }
    requests: list[tuple[str, Any]] = [
        ("/outputs", {"collection_id": str(collection.id), **pair}),
        ("/decks", {"collection_id": str(collection.id), **pair}),
        ("/api/workflows/create-simple-collection", simple),
    ]
    for path, body in requests:
        refused = await desk.post(path, body, custodian)
        assert refused.status_code == 409
        assert refused.json()["error"].startswith("vitalik of farcaster has signed up")
        own = await desk.post(path, body, person)
        assert own.status_code == 201, own.text
        assert (own.json()["data"]["is_custodial"], own.json()["data"]["custodied_for"]) == (False, None)
    assert await desk.rows(HELD) == [{"held": 0}]


async def test_who_sees_what_is_held(desk: Desk) -> None:
    first, second, person = new_id(), new_id(), new_id()
    things = await hold_things(desk, first)
    await hold_things(desk, second)
    paths = (f"/api/social-links/{things['link']}", "/api/social-links/farcaster/vitalik")
    held = {"collections": 1, "decks": 1, "outputs": 3}
    for path in paths:
        everything = (await desk.client.get(path, headers=desk.service)).json()["data"]
        assert everything["held"] == [{"user_id": str(user), **held} for user in sorted((first, second))]
        assert (everything["user_id"], everything["transfer"]) == (None, None)
        assert (await desk.get(path, first))["held"] == [{"user_id": str(first), **held}]
        assert (await desk.client.get(path, headers=as_user(person))).status_code == 404
    await desk.transfer(person)
    for path in paths:
        mine = await desk.get(path, person)
        assert (mine["held"], mine["transfer"]["outputs"], mine["transfer"]["holders"]) == ([], 6, [])
        assert (await desk.client.get(path, headers=as_user(first))).status_code == 404
        everything = (await desk.client.get(path, headers=desk.service)).json()["data"]
        assert set(everything["transfer"]["holders"]) == {str(first), str(second)}
    listed = (await desk.client.get("/api/social-links", headers=desk.service)).json()["data"]
    assert [(one["social_identifier"], one["user_id"]) for one in listed] == [("vitalik", str(person))]


@pytest.mark.parametrize("path", ["myspace/tom", "farcaster/nobody", "farcaster/a/b", f"{UUID(int=1)}"])
async def test_unknown_identities(desk: Desk, path: str) -> None:
    reply = await desk.client.get(f"/api/social-links/{path}", headers=desk.service)
    assert (reply.status_code, reply.json()["error"]) == (404, "Social link not found")


async def test_names_with_slashes(desk: Desk) -> None:
    await desk.transfer(new_id(), "a/b", "github")
    reply = await desk.client.get("/api/social-links/github/a/b", headers=desk.service)
    assert reply.json()["data"]["social_identifier"] == "a/b"


# --- at the same time


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


@pytest.mark.parametrize("lock", [lock_job, output_store.lock_of_job])
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
        await outputs.complete_for_job(tx, job.id, {0: rows}, None)
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
        await outputs.complete_for_job(tx, job.id, {0: [FileRow(file, "http://x.test/a.png", "image/png")]}, None)
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


async def test_in_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BATCH", 2)
    person = new_id()
    for _ in range(3):
        await hold_things(desk, new_id())
    data = (await desk.transfer(person)).json()["data"]
    assert (data["collections"], data["decks"], data["outputs"]) == (3, 3, 9)
    assert await desk.rows(HELD) == [{"held": 0}]


async def test_the_table_allows_one_transfer_only(database: Database) -> None:
    async with database.transaction() as tx:
        await transfer.transfer(tx, "lens", "vitalik", new_id(), requested_by="test")
        with pytest.raises(ConflictError):
            await transfer.transfer(tx, "lens", "vitalik", new_id(), requested_by="test")
        link = await service.find_link(tx, "lens", "vitalik")
        assert link is not None
        assert await store.claim(tx, link.id, new_id()) is False
