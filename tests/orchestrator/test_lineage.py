"""What came from what, and the list of global collections."""

from typing import Any
from uuid import UUID

from tests.apps import as_user
from tests.factories import (
    make_collection,
)
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.orchestrator.sources import URL, begun, both, make_global

from emprops.kit.ids import new_id


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
