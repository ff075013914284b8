"""Develop an output with a global collection, and what came from what."""

from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.factories import (
    Collection,
    make_collection,
    make_deck,
    make_file,
    make_job,
    make_noop_workflow,
    make_output,
    make_social_link,
)
from tests.factories import make_step as make_step_row
from tests.orchestrator.rig import FAILED, FORM, Rig, picture

from emprops.custody import store as custody
from emprops.custody.transfer import transfer
from emprops.kit.database import Transaction
from emprops.kit.ids import new_id
from emprops.orchestrator.start.develop import type_of

URL = "https://cdn.example.com/a.png"
IMAGE = {"name": "image", "type": "text", "value_type": "images", "required": True}
DOCUMENTED = {"job_id", "output_id", "status", "develop_collection", "source_output"}


def pick(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "type": "pick", "value": {"values": list(values)}}


async def make_global(
    tx: Transaction,
    *,
    title: str = "Image to Video",
    input_type: str = "image",
    output_type: str = "video",
    variables: tuple[dict[str, Any], ...] = (IMAGE, pick("aspect_ratio", "16:9", "1:1"), pick("duration", "5s", "8s")),
    payload: dict[str, Any] | None = None,
    price: float = 0,
    **options: Any,
) -> Collection:
    """A global collection of one step, which takes a prompt and an image."""
    name = await make_noop_workflow(tx, FORM, price=price)
    payload = {"image": "{{image}}", "prompt": "{{aspect_ratio}} {{duration}}"} if payload is None else payload
    data = {
        "version": "v2",
        "steps": [{"id": 1, "nodeName": name, "nodePayload": payload}],
        "variables": list(variables),
        "generations": {"generations": 1},
    }
    return await make_collection(
        tx, title=title, data=data, is_global=True, input_type=input_type, output_type=output_type, **options
    )


async def make_source(tx: Transaction, rig: Rig, **options: Any) -> tuple[UUID, UUID]:
    """A completed picture of the rig's user in a deck: both ids."""
    collection = await make_collection(tx, is_public=True)
    deck = await make_deck(tx, collection, rig.user_id, custodied_for=options.get("custodied_for"))
    output = await make_output(
        tx, collection, rig.user_id, **{"deck_id": deck, "status": "completed", "url": URL, **options}
    )
    return output, deck


async def both(rig: Rig, source: dict[str, Any] | None = None, **options: Any) -> tuple[UUID, UUID, Collection]:
    async with rig.database.transaction() as tx:
        output, deck = await make_source(tx, rig, **(source or {}))
        return output, deck, await make_global(tx, **options)


async def develop(rig: Rig, output: UUID, collection: Any, variables: Any = None, **headers: str) -> Any:
    body = {"collection_id": str(getattr(collection, "id", collection))}
    body |= {} if variables is None else {"variables": variables}
    return await rig.client.post(f"/outputs/{output}/develop", json=body, headers=headers or as_user(rig.user_id))


async def begun(rig: Rig, output: UUID, collection: Any, variables: Any = None, **headers: str) -> dict[str, Any]:
    reply = await develop(rig, output, collection, variables, **headers)
    assert reply.status_code == 202, reply.text
    await rig.dispatcher.flush()
    return dict(reply.json()["data"])


async def output_row(rig: Rig, output_id: Any) -> dict[str, Any]:
    (row,) = await rig.rows("SELECT * FROM output WHERE id = %s", output_id)
    return row


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


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "hidden"])
async def test_only_completed_outputs(rig: Rig, status: str) -> None:
    source, _, collection = await both(rig, {"status": status})
    reply = await develop(rig, source, collection)
    assert reply.status_code == 400
    assert reply.json()["error"] == f"Only a completed output can be developed; this one is {status}."


async def test_only_global_collections(rig: Rig) -> None:
    source, _, collection = await both(rig)
    await rig.execute("UPDATE collection SET is_global = false WHERE id = %s", collection.id)
    reply = await develop(rig, source, collection)
    assert reply.status_code == 400
    assert "not a global collection" in reply.json()["error"]


@pytest.mark.parametrize(
    ("mime_type", "url"),
    [("video/mp4", URL), ("audio/mpeg", URL), (None, "https://x.test/a.mp4"), (None, "https://x.test/a")],
)
async def test_only_what_the_collection_takes(rig: Rig, mime_type: str | None, url: str) -> None:
    source, _, collection = await both(rig)
    await rig.execute("UPDATE output SET mime_type = %s, url = %s WHERE id = %s", mime_type, url, source)
    reply = await develop(rig, source, collection)
    assert reply.status_code == 400
    assert reply.json()["error"].startswith("Image to Video develops image outputs, and this one is ")


@pytest.mark.parametrize(
    ("mime_type", "url", "expected"),
    [
        ("image/png", "https://x.test/a.mp4", "image"),
        ("IMAGE/PNG", "x", "image"),
        ("text/plain; charset=utf-8", "x", "text"),
        ("application/pdf", "https://x.test/a.png", None),
        (None, "https://x.test/a.png?size=2#top", "image"),
        (None, "http://[", None),
        ("", "https://x.test/film.webm", "video"),
    ],
)
def test_the_type_of_an_output(mime_type: str | None, url: str, expected: str | None) -> None:
    assert type_of(mime_type, url) == expected


async def test_who_and_what_is_unknown(rig: Rig) -> None:
    source, _, collection = await both(rig)
    async with rig.database.transaction() as tx:
        draft = await make_global(tx, status="draft")
        archived = await make_global(tx)
    await rig.execute("UPDATE collection SET archived = true WHERE id = %s", archived.id)
    stranger = as_user(new_id())
    attempts = [
        await develop(rig, new_id(), collection),
        await develop(rig, source, collection, **stranger),
        await develop(rig, source, new_id()),
        await develop(rig, source, draft),
        await develop(rig, source, archived),
    ]
    assert [reply.status_code for reply in attempts] == [404] * 5
    assert [reply.json()["error"] for reply in attempts] == ["Output not found"] * 2 + ["Collection not found"] * 3
    assert await rig.rows("SELECT FROM job") == []


async def test_a_published_output_is_not_everybodys_to_develop(rig: Rig) -> None:
    source, deck, collection = await both(rig)
    await rig.execute("UPDATE deck SET status = 'published' WHERE id = %s", deck)
    assert (await develop(rig, source, collection, **as_user(new_id()))).status_code == 404


@pytest.mark.parametrize("status", ["locked", "archived"])
async def test_a_deck_that_takes_nothing_costs_nothing(rig: Rig, status: str) -> None:
    source, deck, collection = await both(rig, price=2)
    await rig.execute("UPDATE deck SET status = %s WHERE id = %s", status, deck)
    reply = await develop(rig, source, collection)
    assert reply.status_code == 400
    assert status in reply.json()["error"]
    assert await rig.rows("SELECT FROM job UNION ALL SELECT FROM credit_hold") == []


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


async def test_developed_again_and_again(rig: Rig) -> None:
    """Two developments of one output, and one of a development: image → image → image, in one deck."""
    source, deck, collection = await both(rig, title="Upscale Image", output_type="image")
    first = await begun(rig, source, collection)
    await rig.run(picture("first"))
    second = await begun(rig, UUID(first["output_id"]), collection)
    assert (await rig.run(picture("second"))).ticket.payload["image"].endswith("/first.png")
    beside = await begun(rig, source, collection)
    await rig.run(FAILED)

    async def lineage(output: Any, user: UUID | None = None) -> Any:
        reply = await rig.client.get(f"/outputs/{output}/lineage", headers=as_user(user or rig.user_id))
        return reply.json()["data"]

    def ids(relatives: list[dict[str, Any]]) -> list[tuple[str, int]]:
        return [(one["id"], one["depth"]) for one in relatives]

    of_source = await lineage(source)
    assert ids(of_source["ancestors"]) == []
    assert ids(of_source["descendants"]) == [
        (first["output_id"], 1),
        (beside["output_id"], 1),
        (second["output_id"], 2),
    ]
    assert of_source["truncated"] is False
    assert of_source["descendants"][1]["status"] == "failed"
    of_second = await lineage(second["output_id"])
    assert ids(of_second["ancestors"]) == [(str(source), -2), (first["output_id"], -1)]
    assert of_second["ancestors"][0]["url"] == URL
    assert of_second["descendants"] == []

    await rig.execute("UPDATE output SET status = 'hidden' WHERE id = %s", UUID(first["output_id"]))
    assert ids((await lineage(second["output_id"]))["ancestors"]) == [(str(source), -2)]
    assert await lineage(source, new_id()) is None
    await rig.execute("UPDATE deck SET status = 'published' WHERE id = %s", deck)
    assert ids((await lineage(source, new_id()))["descendants"]) == [(beside["output_id"], 1), (second["output_id"], 2)]


async def test_relatives_that_are_not_shared_stay_unseen(rig: Rig) -> None:
    source, deck, collection = await both(rig)
    data = await begun(rig, source, collection)
    await rig.execute("UPDATE deck SET status = 'published' WHERE id = %s", deck)
    await rig.execute("UPDATE output SET deck_id = NULL, position = NULL WHERE id = %s", UUID(data["output_id"]))
    reply = await rig.client.get(f"/outputs/{source}/lineage", headers=as_user(new_id()))
    assert reply.json()["data"]["descendants"] == []


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


async def test_a_collection_that_takes_nothing_says_so(rig: Rig) -> None:
    source, _, collection = await both(rig, variables=(), payload={"image": "https://x.test/fixed.png"})
    reply = await develop(rig, source, collection)
    assert reply.status_code == 400
    assert "no variable or field that takes image" in reply.json()["error"]


async def test_a_corrupted_collection(rig: Rig) -> None:
    source, _, collection = await both(rig)
    await rig.execute("UPDATE collection_version SET data = '{}' WHERE collection_id = %s", collection.id)
    reply = await develop(rig, source, collection)
    assert (reply.status_code, reply.json()["error"]) == (400, "COLLECTION_CORRUPTED")


@pytest.mark.parametrize(
    "body", [{}, {"collection_id": 7}, {"collection_id": ""}, {"collection_id": "x", "variables": []}]
)
async def test_bodies_that_are_refused(rig: Rig, body: dict[str, Any]) -> None:
    source, _, _ = await both(rig)
    reply = await rig.client.post(f"/outputs/{source}/develop", json=body, headers=as_user(rig.user_id))
    assert reply.status_code == 400


async def test_the_list_of_global_collections(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        video = await make_global(tx)
        upscale = await make_global(tx, title="Upscale Image", output_type="image")
        story = await make_global(tx, title="Storyboard", input_type="text", output_type="image")
        await make_global(tx, title="Draft", status="draft")
        archived = await make_global(tx, title="Archived")
        await make_collection(tx, is_public=True)
    await rig.execute("UPDATE collection SET archived = true WHERE id = %s", archived.id)

    async def listed(query: str = "") -> list[str]:
        reply = await rig.client.get(f"/outputs/develop/collections{query}", headers=as_user(rig.user_id))
        assert reply.status_code == 200, reply.text
        for one in reply.json()["data"]:
            assert one.keys() == {"id", "title", "description", "input_type", "output_type", "cover_image_url"}
        return [one["id"] for one in reply.json()["data"]]

    assert await listed() == [str(one.id) for one in (story, upscale, video)]
    assert await listed("?input_type=image") == [str(upscale.id), str(video.id)]
    assert await listed("?input_type=text") == [str(story.id)]
    assert await listed("?input_type=video") == []
    assert await listed("?limit=1&offset=1") == [str(upscale.id)]
    for query, status in (("?input_type=audio", 400), ("?limit=0", 400)):
        reply = await rig.client.get(f"/outputs/develop/collections{query}", headers=as_user(rig.user_id))
        assert reply.status_code == status
    assert (await rig.client.get("/outputs/develop/collections")).status_code == 401


async def test_a_source_that_is_handed_over_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The development waits for the transfer, and then the output is somebody else's."""
    async with rig.database.transaction() as tx:
        link = await make_social_link(tx, "vitalik")
        source, _ = await make_source(tx, rig, custodied_for=link)
        collection = await make_global(tx)
    person = new_id()

    async def hand_over() -> None:
        async with rig.database.transaction() as tx:
            await transfer(tx, "farcaster", "vitalik", person, requested_by="test")

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
            await transfer(tx, "farcaster", "vitalik", person, requested_by="test")

    from emprops.orchestrator.start import develop as room

    reply, _ = await rig.race(develop(rig, source, collection), room, "run_collection", hand_over, monkeypatch)
    assert reply.status_code == 202
    row = await output_row(rig, reply.json()["data"]["output_id"])
    assert (row["user_id"], row["custodied_for"]) == (person, None)


async def test_unknown_variables_are_named(rig: Rig) -> None:
    source, _, collection = await both(rig)
    problem = "is no variable of this collection; did you mean duration?"
    data = await begun(rig, source, collection, {"duratoin": "5s"})
    assert data["warnings"] == [f"duratoin {problem}"]
    body = {"collection_id": str(collection.id), "variables": {"duratoin": "5s"}, "strict": True}
    refused = await rig.client.post(f"/outputs/{source}/develop", json=body, headers=as_user(rig.user_id))
    assert (refused.status_code, refused.json()["details"]) == (400, {"duratoin": problem})
