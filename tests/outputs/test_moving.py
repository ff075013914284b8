"""Fail, hide and move outputs over HTTP, with the bodies of the document."""

import asyncio
from uuid import uuid4

import httpx2
from tests import factories
from tests.apps import as_user
from tests.outputs.caller import COMPLETION, Caller

from emprops.kit.database import Database


async def test_fail_with_the_documents_body(call: Caller, collection: factories.Collection) -> None:
    made = await call.make(collection)
    path, body = f"/outputs/{made['id']}/fail", {"error_message": "Generation failed: timeout"}
    for _ in range(2):
        failed = await call("PATCH", path, body)
        assert (failed["id"], failed["status"], failed["error_message"]) == (
            made["id"],
            "failed",
            body["error_message"],
        )
    for wrong in ({}, {"error_message": ""}, {"error_message": None}):
        assert "error_message" in await call("PATCH", path, wrong, status=400)
    await call("PATCH", f"/outputs/{made['id']}/complete", {"url": "https://cdn.example.com/a.png"})
    assert "completed" in await call("PATCH", path, body, status=400)


async def test_hide(call: Caller, collection: factories.Collection) -> None:
    made, other = await call.make(collection), await call.make(collection)
    deck_path = f"/decks/{made['deck_id']}"
    await call("PATCH", deck_path, {"cover_output_id": made["id"]})
    for _ in range(2):
        hidden = await call("DELETE", f"/outputs/{made['id']}")
        assert (hidden["id"], hidden["status"]) == (made["id"], "hidden")
    deck = await call.deck(made["deck_id"])
    assert ([output["id"] for output in deck["outputs"]], deck["output_count"]) == ([other["id"]], 1)
    assert deck["cover_output_id"] is None
    for method, action, body in [
        ("PATCH", "complete", {"url": "https://cdn.example.com/a.png"}),
        ("PATCH", "fail", {"error_message": "no"}),
        ("PATCH", "deck", {"deck_id": None}),
    ]:
        assert "hidden" in await call(method, f"/outputs/{made['id']}/{action}", body, status=400)


async def test_move(call: Caller, database: Database, collection: factories.Collection) -> None:
    made, other = await call.make(collection), await call.make(collection)
    async with database.transaction() as tx:
        target = await factories.make_deck(tx, collection, name="Target")
    source, path = made["deck_id"], f"/outputs/{made['id']}/deck"
    await call("PATCH", f"/decks/{source}", {"cover_output_id": made["id"]})
    for _ in range(2):
        moved = await call("PATCH", path, {"deck_id": str(target)})
        assert (moved["id"], moved["deck_id"], moved["position"]) == (made["id"], str(target), 1)
    left, gained = await call.deck(source), await call.deck(target)
    assert ([output["id"] for output in left["outputs"]], left["output_count"]) == ([other["id"]], 1)
    assert left["cover_output_id"] is None
    assert ([output["id"] for output in gained["outputs"]], gained["output_count"]) == ([made["id"]], 1)
    out = await call("PATCH", path, {"deck_id": None})
    assert (out["deck_id"], out["position"]) == (None, None)
    assert (await call.deck(target))["output_count"] == 0
    assert (await call("PATCH", path, {"deck_id": source}))["position"] == 3
    assert "deck_id" in await call("PATCH", path, {}, status=400)
    assert "Deck not found" in await call("PATCH", path, {"deck_id": str(uuid4())}, status=404)


async def test_a_locked_deck_neither_gains_nor_loses(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    inside, outside = await call.make(collection), await call.make(collection, auto_create_deck=False)
    locked = inside["deck_id"]
    await call("POST", f"/decks/{locked}/lock")
    path = f"/outputs/{inside['id']}"
    assert "unlock" in await call("PATCH", f"{path}/deck", {"deck_id": None}, status=400)
    assert "locked" in await call("PATCH", f"/outputs/{outside['id']}/deck", {"deck_id": locked}, status=400)
    assert [output["id"] for output in (await call.deck(locked))["outputs"]] == [inside["id"]]
    assert (await call("PATCH", f"{path}/complete", COMPLETION | {"flat_file_id": None}))["status"] == "completed"
    await call("DELETE", path)
    assert (await call.deck(locked))["output_count"] == 0


async def test_a_lock_stands_between_additions_and_moves(
    client: httpx2.AsyncClient, call: Caller, database: Database, collection: factories.Collection
) -> None:
    """Whatever was answered 2xx is in the deck at the lock; what comes later changes nothing."""
    async with database.transaction() as tx:
        deck_id = await factories.make_deck(tx, collection)
        outside = [await factories.make_output(tx, collection) for _ in range(4)]
        inside = [await factories.make_output(tx, collection, deck_id=deck_id) for _ in range(4)]
    me, body = as_user(call.user), {"collection_id": str(collection.id), "deck_id": str(deck_id)}

    async def lock() -> int:
        reply = await client.post(f"/decks/{deck_id}/lock", headers=me)
        return int(reply.json()["data"]["output_count"])

    at_lock, *replies = await asyncio.gather(
        lock(),
        *(client.post("/outputs", json=body, headers=me) for _ in range(4)),
        *(client.patch(f"/outputs/{one}/deck", json={"deck_id": str(deck_id)}, headers=me) for one in outside),
        *(client.patch(f"/outputs/{one}/deck", json={"deck_id": None}, headers=me) for one in inside),
    )
    assert {reply.status_code for reply in replies} <= {200, 201, 400}
    added = sum(reply.is_success for reply in replies[:8])
    removed = sum(reply.is_success for reply in replies[8:])
    deck = await call.deck(deck_id)
    assert len(deck["outputs"]) == deck["output_count"] == at_lock == 4 + added - removed


async def test_a_deck_of_somebody_or_something_else(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    made = await call.make(collection)
    async with database.transaction() as tx:
        link = await factories.make_social_link(tx)
        held = await factories.make_deck(tx, collection, custodied_for=link)
        elsewhere = await factories.make_deck(tx, user_id=call.user)
        source = await factories.make_output(tx, collection, status="completed")
        developed = await factories.make_output(tx, collection, source_output_id=source)
    path = f"/outputs/{made['id']}/deck"
    assert "somebody else" in await call("PATCH", path, {"deck_id": str(held)}, status=400)
    assert "another collection" in await call("PATCH", path, {"deck_id": str(elsewhere)}, status=400)
    assert (await call("GET", f"/outputs/{made['id']}"))["deck_id"] == made["deck_id"]
    moved = await call("PATCH", f"/outputs/{developed}/deck", {"deck_id": str(elsewhere)})
    assert moved["deck_id"] == str(elsewhere)


async def test_moves_in_opposite_directions_and_hiding_do_not_block_each_other(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    async with database.transaction() as tx:
        decks = [await factories.make_deck(tx, collection) for _ in range(2)]
        outputs = [await factories.make_output(tx, collection, deck_id=decks[n % 2]) for n in range(8)]
        hidden = await factories.make_output(tx, collection, deck_id=decks[0])  # it could not be moved any more
    moves = [
        call("PATCH", f"/outputs/{output}/deck", {"deck_id": str(decks[1 - n % 2])}) for n, output in enumerate(outputs)
    ]
    orders = [call("PATCH", f"/decks/{deck}", {"name": "still here"}) for deck in decks]
    await asyncio.gather(*moves, *orders, call("DELETE", f"/outputs/{hidden}"))
    counts = [await call.deck(deck) for deck in decks]
    assert sum(deck["output_count"] for deck in counts) == 8
    for deck in counts:
        assert deck["output_count"] == len(deck["outputs"])


async def test_others_may_not(call: Caller, client: httpx2.AsyncClient, collection: factories.Collection) -> None:
    made = await call.make(collection)
    await call("POST", f"/decks/{made['deck_id']}/publish")
    stranger = Caller(client, uuid4())
    for method, action, body in [
        ("PATCH", "/complete", {"url": COMPLETION["url"]}),
        ("PATCH", "/fail", {"error_message": "no"}),
        ("PATCH", "/deck", {"deck_id": None}),
        ("DELETE", "", None),
    ]:
        assert await stranger(method, f"/outputs/{made['id']}{action}", body, status=404) == "Output not found"
        assert await stranger(method, f"/outputs/{uuid4()}{action}", body, status=404) == "Output not found"
    assert (await call("GET", f"/outputs/{made['id']}"))["status"] == "pending"
