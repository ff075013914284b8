"""Develop an output with a global collection."""

from uuid import UUID

import pytest
from tests.apps import as_user
from tests.factories import (
    make_file,
    make_job,
    make_output,
    make_social_link,
)
from tests.factories import make_step as make_step_row
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.orchestrator.sources import URL, begun, both, develop, make_global, make_source, output_row

from emprops.custody import store as custody
from emprops.custody.transfer import transfer
from emprops.kit.ids import new_id

DOCUMENTED = {"job_id", "output_id", "status", "develop_collection", "source_output"}


async def test_the_documents_example(rig: Rig) -> None:
    source, deck, collection = await both(rig)
    reply = await rig.client.post(
        f"/outputs/{source}/develop",
        json={"collection_id": str(collection.id), "variables": {"aspect_ratio": "16:9", "duration": "5s"}},
        headers=as_user(rig.user_id),
    )
    assert reply.status_code == 202
    assert reply.json()["error"] is None
    data = reply.json()["data"]
    assert data.keys() >= DOCUMENTED
    assert data["status"] == "pending"
    assert data["develop_collection"] == {
        "id": str(collection.id),
        "title": "Image to Video",
        "input_type": "image",
        "output_type": "video",
    }
    assert data["source_output"] == {"id": str(source), "url": URL, "mime_type": "image/png"}

    row = await output_row(rig, data["output_id"])
    assert (row["status"], row["source_output_id"], row["deck_id"]) == ("pending", source, deck)
    assert (row["collection_id"], row["job_id"], row["position"]) == (collection.id, UUID(data["job_id"]), 2)
    assert row["input_metadata"]["source_url"] == URL
    assert row["input_metadata"]["source_output_id"] == str(source)

    await rig.dispatcher.flush()
    claim = await rig.run(picture("film"))
    assert claim.ticket.payload == {"image": URL, "prompt": "16:9 5s"}
    job = await rig.job(UUID(data["job_id"]))
    assert (job["status"], job["job_type"], job["name"]) == ("completed", "develop", "Develop Output: Image to Video")
    assert job["data"]["sourceOutputId"] == str(source)
    assert job["data"]["variables"] == {"aspect_ratio": "16:9", "duration": "5s", "image": URL}
    shown = await rig.client.get(f"/decks/{deck}", headers=as_user(rig.user_id))
    assert [(one["id"], one["position"], one["status"]) for one in shown.json()["data"]["outputs"]] == [
        (str(source), 1, "completed"),
        (data["output_id"], 2, "completed"),
    ]
    assert shown.json()["data"]["output_count"] == 2


async def test_what_is_copied_from_the_source(rig: Rig) -> None:
    source, _, collection = await both(rig)
    await rig.execute("UPDATE output SET source = 'miniapp' WHERE id = %s", source)
    data = await begun(rig, source, collection)
    row = await output_row(rig, data["output_id"])
    assert (row["source"], row["user_id"], row["is_custodial"]) == ("miniapp", rig.user_id, False)


async def test_a_source_outside_decks_gives_one_outside_decks(rig: Rig) -> None:
    source, _, collection = await both(rig, {"deck_id": None})
    data = await begun(rig, source, collection)
    row = await output_row(rig, data["output_id"])
    assert (row["deck_id"], row["position"]) == (None, None)


async def test_what_is_held_for_somebody_stays_held(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        link = await make_social_link(tx)
        source, deck = await make_source(tx, rig, custodied_for=link)
        collection = await make_global(tx)
    data = await begun(rig, source, collection)
    row = await output_row(rig, data["output_id"])
    assert (row["is_custodial"], row["custodied_for"], row["deck_id"]) == (True, link, deck)


async def test_it_costs_what_generating_costs(rig: Rig) -> None:
    source, _, collection = await both(rig, price=2)
    data = await begun(rig, source, collection)
    assert await rig.entries(UUID(data["job_id"])) == ["hold"]
    await rig.run(picture())
    assert await rig.entries(UUID(data["job_id"])) == ["hold", "capture"]

    dear = (await both(rig, price=1_000_000))[2]
    reply = await develop(rig, source, dear)
    assert (reply.status_code, reply.json()["error"]) == (402, "Not enough credits.")
    assert (reply.json()["needed"], reply.json()["available"]) == (1_000_000, 998)
    assert len(await rig.rows("SELECT FROM output WHERE source_output_id = %s", source)) == 1


async def test_a_failed_development_can_be_retried(rig: Rig) -> None:
    source, _, collection = await both(rig)
    data = await begun(rig, source, collection)
    await rig.run(FAILED)
    assert (await output_row(rig, data["output_id"]))["status"] == "failed"
    await rig.ok(UUID(data["job_id"]), "retry")
    await rig.dispatcher.flush()
    assert (await rig.run(picture())).ticket.payload["image"] == URL
    assert (await output_row(rig, data["output_id"]))["status"] == "completed"


async def test_a_service_acts_for_the_owner(rig: Rig) -> None:
    source, _, collection = await both(rig)
    data = await begun(rig, source, collection, **rig.service)
    assert (await output_row(rig, data["output_id"]))["user_id"] == rig.user_id
    other = await develop(rig, source, collection, **rig.service, **as_user(new_id()))
    assert other.status_code == 404


async def test_sent_twice_with_a_key_it_is_done_once(rig: Rig) -> None:
    source, _, collection = await both(rig)
    headers = as_user(rig.user_id) | {"Idempotency-Key": "once"}
    first = await begun(rig, source, collection, **headers)
    assert await begun(rig, source, collection, **headers) == first
    assert len(await rig.rows("SELECT FROM job")) == 1


async def test_a_known_text_is_given_as_text(rig: Rig) -> None:
    variables = ({"name": "topic", "type": "text"}, {"name": "tone", "type": "text", "value": "warm"})
    async with rig.database.transaction() as tx:
        collection = await make_global(
            tx, input_type="text", output_type="image", variables=variables, payload={"prompt": "{{topic}} {{tone}}"}
        )
        job = await make_job(tx, rig.user_id, status="completed")
        step = await make_step_row(tx, job, status="completed", output_data={"data": {"text": "a quiet {{harbour}}"}})
        file = await make_file(tx, key="generations/a.txt", mime_type="text/plain", job=job, step_id=step)
        known = await make_output(
            tx, job=job, status="completed", mime_type="text/plain", url="https://x.test/a.txt", flat_file_id=file
        )
        linked = await make_output(tx, job=job, status="completed", mime_type="text/plain", url="https://x.test/b.txt")
    await begun(rig, known, collection)
    assert (await rig.run(picture())).ticket.payload == {"prompt": "a quiet {{harbour}} warm"}
    await begun(rig, linked, collection)
    assert (await rig.run(picture("b"))).ticket.payload == {"prompt": "https://x.test/b.txt warm"}


async def test_the_callers_own_input_wins(rig: Rig) -> None:
    source, _, collection = await both(rig)
    own = {"image": "https://x.test/mine.png", "duration": "8s", "aspect_ratio": "1:1"}
    await begun(rig, source, collection, own)
    assert (await rig.run(picture())).ticket.payload == {"image": "https://x.test/mine.png", "prompt": "1:1 8s"}


async def test_a_bare_field_takes_the_source_as_it_is(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        source, _ = await make_source(tx, rig, url="https://x.test/{{prompt}}.png")
        carrier = {"name": "source_output", "type": "text", "value": "mine"}
        collection = await make_global(tx, variables=(carrier,), payload={"prompt": "{{source_output}}"})
    await begun(rig, source, collection)
    assert (await rig.run(picture())).ticket.payload == {"prompt": "mine", "image": "https://x.test/{{prompt}}.png"}


async def test_a_source_that_is_handed_over_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The development waits for the transfer, and then the output is somebody else's."""
    async with rig.database.transaction() as tx:
        link = await make_social_link(tx, "vitalik")
        source, _ = await make_source(tx, rig, custodied_for=link)
        collection = await make_global(tx)
    person = new_id()

    async def hand_over() -> None:
        async with rig.database.transaction() as tx:
            await transfer(tx, "farcaster", "vitalik", person, requested_by="test", actor="key:emp_test")

    _, reply = await rig.race(
        hand_over(), custody, "lock_outputs", lambda: develop(rig, source, collection), monkeypatch
    )
    assert reply.status_code == 404
    data = await begun(rig, source, collection, **as_user(person))
    assert (await output_row(rig, data["output_id"]))["user_id"] == person


async def test_a_development_before_the_transfer_goes_with_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig.database.transaction() as tx:
        link = await make_social_link(tx, "vitalik")
        source, _ = await make_source(tx, rig, custodied_for=link)
        collection = await make_global(tx)
    person = new_id()

    async def hand_over() -> None:
        async with rig.database.transaction() as tx:
            await transfer(tx, "farcaster", "vitalik", person, requested_by="test", actor="key:emp_test")

    from emprops.orchestrator.start import develop as room

    reply, _ = await rig.race(develop(rig, source, collection), room, "run_collection", hand_over, monkeypatch)
    assert reply.status_code == 202
    row = await output_row(rig, reply.json()["data"]["output_id"])
    assert (row["user_id"], row["custodied_for"]) == (person, None)
