"""Custody is handed over at sign-up: everything, once."""

from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.custody.conftest import HELD, Desk, hold_things
from tests.factories import make_collection, make_project

from emprops.custody import transfer
from emprops.kit.ids import new_id


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


async def test_in_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BATCH", 2)
    person = new_id()
    for _ in range(3):
        await hold_things(desk, new_id())
    data = (await desk.transfer(person)).json()["data"]
    assert (data["collections"], data["decks"], data["outputs"]) == (3, 3, 9)
    assert await desk.rows(HELD) == [{"held": 0}]
