"""Stars and tags, and bringing back what was hidden."""

from typing import Any
from uuid import UUID

import pytest
from tests import factories
from tests.outputs.caller import Caller, counts, finish, generated, listed, make_file
from tests.outputs.opening import open_outputs

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.outputs import job_results
from emprops.settings import Settings


async def complete(call: Caller, output: dict[str, Any]) -> None:
    await call("PATCH", f"/outputs/{output['id']}/complete", {"url": f"https://cdn.example.com/{output['id']}.png"})


async def test_a_star_is_set_and_taken_off(call: Caller, collection: factories.Collection) -> None:
    output = await call.make(collection)
    assert (await call("GET", f"/outputs/{output['id']}"))["starred"] is False
    for _ in range(2):
        assert await call("PUT", f"/outputs/{output['id']}/star") == {"id": output["id"], "starred": True, "tags": []}
    assert (await call("GET", f"/outputs/{output['id']}"))["starred"] is True
    assert await listed(call, "?starred=true") == [output["id"]]
    for _ in range(2):
        assert (await call("DELETE", f"/outputs/{output['id']}/star"))["starred"] is False
    assert await listed(call, "?starred=true") == []
    await call("PUT", f"/outputs/{new_id()}/star", status=404)
    await call("DELETE", f"/outputs/{output['id']}")
    assert "hidden" in await call("PUT", f"/outputs/{output['id']}/star", status=400)


async def test_tags_are_kept_in_small_letters_and_counted(call: Caller, collection: factories.Collection) -> None:
    one, other = await call.make(collection), await call.make(collection)
    marked = await call("PUT", f"/outputs/{one['id']}/tags", {"tags": ["  For the  Poster", "harbours", "HARBOURS"]})
    assert marked["tags"] == ["for the poster", "harbours"]
    await call("PUT", f"/outputs/{other['id']}/tags", {"tags": ["harbours", "東京"]})
    assert await call("GET", "/outputs/tags") == [
        {"tag": "harbours", "count": 2},
        {"tag": "for the poster", "count": 1},
        {"tag": "東京", "count": 1},
    ]
    await call("DELETE", f"/outputs/{other['id']}")
    assert [tag["count"] for tag in await call("GET", "/outputs/tags")] == [1, 1], "of what is visible"
    await call("POST", f"/outputs/{other['id']}/unhide")
    assert (await call("GET", f"/outputs/{other['id']}"))["tags"] == ["harbours", "東京"]
    assert (await call("PUT", f"/outputs/{one['id']}/tags", {"tags": []}))["tags"] == []


@pytest.mark.parametrize(
    "tags", [["x" * 41], [""], [" "], ["\u200b"], ["a\x00"], [1], None, "a", [f"t{n}" for n in range(21)]]
)
async def test_what_is_no_tag_is_refused(call: Caller, collection: factories.Collection, tags: Any) -> None:
    output = await call.make(collection)
    assert await call("PUT", f"/outputs/{output['id']}/tags", {"tags": tags}, status=400)


async def test_stars_and_tags_do_not_go_along_to_another_owner(
    call: Caller, collection: factories.Collection, database: Database
) -> None:
    output = await call.make(collection)
    await call("PUT", f"/outputs/{output['id']}/star")
    await call("PUT", f"/outputs/{output['id']}/tags", {"tags": ["mine"]})
    async with database.transaction() as tx:
        user = await factories.make_user(tx)
        await tx.execute("UPDATE output SET user_id = %s WHERE id = %s", (user, output["id"]))
    theirs = await Caller(call.client, user)("GET", f"/outputs/{output['id']}")
    assert (theirs["starred"], theirs["tags"]) == (False, [])
    assert await call("GET", "/outputs/tags") == []


async def test_others_do_not_see_how_a_published_output_is_marked(
    call: Caller, collection: factories.Collection
) -> None:
    output = await call.make(collection)
    await call("PUT", f"/outputs/{output['id']}/star")
    await call("PUT", f"/outputs/{output['id']}/tags", {"tags": ["mine"]})
    await call("POST", f"/decks/{output['deck_id']}/publish")
    seen = await Caller(call.client, new_id())("GET", f"/outputs/{output['id']}")
    assert (seen["starred"], seen["tags"], seen["hidden_by"]) == (False, [], None)


# --- bringing back


async def test_what_was_hidden_comes_back_to_its_place(call: Caller, collection: factories.Collection) -> None:
    first, second = await call.make(collection), await call.make(collection)
    for output in (first, second):
        await complete(call, output)
    before = await counts(call, first["deck_id"], collection)
    await call("DELETE", f"/outputs/{first['id']}")
    assert await listed(call, "?hidden=true") == [first["id"]]
    assert (await call("GET", f"/outputs/{first['id']}"))["hidden_by"] == "owner"
    back = await call("POST", f"/outputs/{first['id']}/unhide")
    assert (back["status"], back["position"], back["deck_id"]) == ("completed", 1, first["deck_id"])
    assert back["url"].endswith(f"{first['id']}.png")
    assert await counts(call, first["deck_id"], collection) == before
    assert [output["id"] for output in (await call.deck(first["deck_id"]))["outputs"]] == [first["id"], second["id"]]
    assert await listed(call, "?hidden=true") == []
    assert (await call("POST", f"/outputs/{first['id']}/unhide"))["status"] == "completed", "again changes nothing"
    assert await counts(call, first["deck_id"], collection) == before


async def test_it_comes_back_as_it_was(call: Caller, collection: factories.Collection) -> None:
    pending, failed = await call.make(collection), await call.make(collection)
    await call("PATCH", f"/outputs/{failed['id']}/fail", {"error_message": "no luck"})
    for output in (pending, failed):
        await call("DELETE", f"/outputs/{output['id']}")
    assert (await call("POST", f"/outputs/{pending['id']}/unhide"))["status"] == "pending"
    back = await call("POST", f"/outputs/{failed['id']}/unhide")
    assert (back["status"], back["error_message"]) == ("failed", "no luck")
    await complete(call, pending)


async def test_it_comes_back_in_the_state_of_its_job(
    call: Caller, collection: factories.Collection, database: Database
) -> None:
    expected = {"pending": "pending", "processing": "processing", "failed": "failed"}
    for job_status, status in expected.items():
        job, output = await generated(database, collection)
        await call("DELETE", f"/outputs/{output}")
        async with database.transaction() as tx:
            await tx.execute(
                "UPDATE job SET status = %s, completed_at = CASE WHEN %s THEN now() END WHERE id = %s",
                (job_status, job_status == "failed", job.id),
            )
        back = await call("POST", f"/outputs/{output}/unhide")
        assert back["status"] == status
        assert (back["error_message"] is not None) == (status == "failed")


async def test_it_gets_the_result_that_its_job_made_meanwhile(
    call: Caller, collection: factories.Collection, database: Database
) -> None:
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection, status="processing")
        outputs = await open_outputs(tx, job, 2)
    await call("DELETE", f"/outputs/{outputs[1]}")
    files = {}
    async with database.transaction() as tx:
        for generation in range(2):
            step = await factories.make_step(
                tx, job, order=generation + 1, generation=generation, is_result=True, status="completed"
            )
            files[generation] = await make_file(database, call.user, job_id=job.id, step_id=step)
        await tx.execute("UPDATE job SET status = 'completed', completed_at = now() WHERE id = %s", (job.id,))
    back = await call("POST", f"/outputs/{outputs[1]}/unhide")
    assert (back["status"], back["flat_file_id"]) == ("completed", files[1])


async def test_what_others_hid_stays_hidden(call: Caller, collection: factories.Collection, database: Database) -> None:
    for by, said in (("operator", "operator"), ("time", "time is over"), ("server", "another one")):
        output = await call.make(collection)
        async with database.transaction() as tx:
            await job_results.hide(tx, [UUID(output["id"])], by)  # type: ignore[arg-type]
        assert said in await call("POST", f"/outputs/{output['id']}/unhide", status=409)
    assert await listed(call, "?hidden=true") == []


async def test_what_is_gone_or_shown_elsewhere_stays_hidden(
    call: Caller, collection: factories.Collection, database: Database, settings: Settings
) -> None:
    job, output = await generated(database, collection)
    file = await make_file(database, call.user)
    url = await finish(database, settings, job, file)
    await call("DELETE", f"/outputs/{output}")
    other = await call.make(collection)
    await call("PATCH", f"/outputs/{other['id']}/complete", {"url": url})
    assert "another one shows" in await call("POST", f"/outputs/{output}/unhide", status=409)
    await call("DELETE", f"/outputs/{other['id']}")
    both = {"ids": [str(output), other["id"]], "action": "unhide"}
    answer = await call("POST", "/outputs/bulk", both)
    assert (answer["changed"], [one["id"] for one in answer["refused"]]) == (1, [other["id"]]), "one of the two"
    await call("DELETE", f"/outputs/{output}")
    async with database.transaction() as tx:
        await tx.execute("UPDATE output SET expires_at = now() WHERE id = %s", (output,))
    assert "time is over" in await call("POST", f"/outputs/{output}/unhide", status=409)
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE output SET url = NULL, flat_file_id = NULL, expires_at = NULL WHERE id = %s", (output,)
        )
    assert "file was removed" in await call("POST", f"/outputs/{output}/unhide", status=409)


async def test_nothing_comes_back_into_a_locked_deck(call: Caller, collection: factories.Collection) -> None:
    output = await call.make(collection)
    await call("DELETE", f"/outputs/{output['id']}")
    await call("POST", f"/decks/{output['deck_id']}/lock")
    assert "locked" in await call("POST", f"/outputs/{output['id']}/unhide", status=400)
    await call("DELETE", f"/decks/{output['deck_id']}")
    assert (await call("POST", f"/outputs/{output['id']}/unhide"))["deck_id"] == output["deck_id"]
    assert (await call.deck(output["deck_id"]))["output_count"] == 1
