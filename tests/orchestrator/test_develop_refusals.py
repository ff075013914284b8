"""What cannot be developed, and by whom not."""

from typing import Any

import pytest
from tests.apps import as_user
from tests.orchestrator.rig import Rig
from tests.orchestrator.sources import URL, begun, both, develop, make_global

from emprops.kit.ids import new_id
from emprops.orchestrator.start.develop import type_of


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


async def test_unknown_variables_are_named(rig: Rig) -> None:
    source, _, collection = await both(rig)
    problem = "is no variable of this collection; did you mean duration?"
    data = await begun(rig, source, collection, {"duratoin": "5s"})
    assert data["warnings"] == [f"duratoin {problem}"]
    body = {"collection_id": str(collection.id), "variables": {"duratoin": "5s"}, "strict": True}
    refused = await rig.client.post(f"/outputs/{source}/develop", json=body, headers=as_user(rig.user_id))
    assert (refused.status_code, refused.json()["details"]) == (400, {"duratoin": problem})
