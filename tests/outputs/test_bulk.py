"""The same done to many outputs at once."""

from typing import Any
from uuid import UUID

import pytest
from tests import factories
from tests.outputs.caller import Caller, counts, listed

from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def bulk(call: Caller, ids: list[Any], action: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await call("POST", "/outputs/bulk", {"ids": ids, "action": action, **more})
    return answer


async def test_each_action_is_done_to_many(call: Caller, collection: factories.Collection) -> None:
    made = [await call.make(collection) for _ in range(3)]
    ids, deck = [output["id"] for output in made], made[0]["deck_id"]
    before = await counts(call, deck, collection)
    for action, undone, query in (("star", "unstar", "?starred=true"), ("hide", "unhide", "?hidden=true")):
        assert await bulk(call, ids, action) == {"changed": 3, "unchanged": 0, "refused": []}
        assert await bulk(call, [*ids, ids[0]], action) == {"changed": 0, "unchanged": 3, "refused": []}
        assert sorted(await listed(call, query)) == sorted(ids)
        assert (await bulk(call, ids, undone))["changed"] == 3
        assert await listed(call, query) == []
    assert await counts(call, deck, collection) == before
    assert (await bulk(call, ids, "add_tags", tags=["A", "b"]))["changed"] == 3
    assert await bulk(call, ids[:2], "add_tags", tags=["a"]) == {"changed": 0, "unchanged": 2, "refused": []}
    assert (await bulk(call, ids[:2], "remove_tags", tags=["a", "c"]))["changed"] == 2
    assert await listed(call, "?tag=a") == [ids[2]]


async def test_what_cannot_be_changed_says_why(
    call: Caller, collection: factories.Collection, database: Database
) -> None:
    good, hidden, full = [await call.make(collection) for _ in range(3)]
    async with database.transaction() as tx:
        theirs = {"id": str(await factories.make_output(tx))}
    await call("DELETE", f"/outputs/{hidden['id']}")
    await call("PUT", f"/outputs/{full['id']}/tags", {"tags": [f"t{n}" for n in range(20)]})
    unknown = str(new_id())
    ids = [good["id"], hidden["id"], full["id"], theirs["id"], unknown]
    answer = await bulk(call, ids, "add_tags", tags=["one"])
    assert (answer["changed"], answer["unchanged"]) == (1, 0)
    refused = {one["id"]: one for one in answer["refused"]}
    assert refused.keys() == set(ids[1:])
    assert refused[theirs["id"]]["code"] == refused[unknown]["code"] == "not_found"
    assert "at most 20" in refused[full["id"]]["reason"]
    assert "hidden" in refused[hidden["id"]]["reason"]


async def test_many_are_moved_together(call: Caller, collection: factories.Collection, database: Database) -> None:
    made = [await call.make(collection) for _ in range(3)]
    ids, source = [output["id"] for output in made], made[0]["deck_id"]
    async with database.transaction() as tx:
        target = await factories.make_deck(tx, collection, call.user)
        elsewhere = await factories.make_deck(tx, await factories.make_collection(tx, call.user), call.user)
    await call("PATCH", f"/decks/{source}", {"cover_output_id": ids[0]})
    assert (await bulk(call, [ids[2], ids[0]], "move_to_deck", deck_id=str(target)))["changed"] == 2
    assert [one["id"] for one in (await call.deck(target))["outputs"]] == [ids[2], ids[0]], "in the order given"
    assert (await call.deck(source))["cover_output_id"] is None
    for deck, total in ((source, 1), (target, 2)):
        shown, by_status, _ = await counts(call, deck, collection)
        assert (shown, by_status) == (total, {"pending": total})
    answer = await bulk(call, ids, "move_to_deck", deck_id=str(elsewhere))
    assert (answer["changed"], len(answer["refused"])) == (0, 3)
    assert "another collection" in answer["refused"][0]["reason"]
    answer = await bulk(call, ids, "move_to_deck", deck_id=str(new_id()))
    assert {one["code"] for one in answer["refused"]} == {"not_found"}
    await call("POST", f"/decks/{source}/lock")
    answer = await bulk(call, ids, "move_to_deck", deck_id=None)
    assert (answer["changed"], [one["id"] for one in answer["refused"]]) == (2, [ids[1]])
    assert await bulk(call, [ids[0]], "move_to_deck", deck_id=None) == {"changed": 0, "unchanged": 1, "refused": []}
    assert (await call.deck(target))["output_count"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [], "action": "star"},
        {"ids": ["no id"], "action": "star"},
        {"ids": [str(UUID(int=n)) for n in range(501)], "action": "star"},
        {"ids": [str(UUID(int=1))], "action": "burn"},
        {"ids": [str(UUID(int=1))], "action": "add_tags"},
        {"ids": [str(UUID(int=1))], "action": "remove_tags", "tags": []},
        {"ids": [str(UUID(int=1))], "action": "move_to_deck"},
        {"action": "star"},
        {"ids": [str(UUID(int=1))]},
        [],
    ],
)
async def test_what_makes_no_sense_is_refused(call: Caller, body: Any) -> None:
    assert await call("POST", "/outputs/bulk", body, status=400)


async def test_what_is_missing_is_named(call: Caller) -> None:
    for action, missing in (("add_tags", "tags"), ("remove_tags", "tags"), ("move_to_deck", "deck_id")):
        sentence = await call("POST", "/outputs/bulk", {"ids": [str(UUID(int=1))], "action": action}, status=400)
        assert sentence.startswith(f"Request body: {action} needs {missing}"), sentence


async def test_five_hundred_at_once(call: Caller, collection: factories.Collection, database: Database) -> None:
    async with database.transaction() as tx:
        deck, target = [await factories.make_deck(tx, collection, call.user) for _ in range(2)]
        ids = [str(await factories.make_output(tx, collection, call.user, deck_id=deck)) for _ in range(500)]
    for action, more in (
        *(("star", {}), ("hide", {}), ("unhide", {}), ("add_tags", {"tags": ["a"]})),
        ("move_to_deck", {"deck_id": str(target)}),
    ):
        assert await bulk(call, ids, action, **more) == {"changed": 500, "unchanged": 0, "refused": []}
    assert (await call.deck(target))["output_count"] == 500
