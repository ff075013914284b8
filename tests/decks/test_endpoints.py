"""Reading decks over HTTP."""

import httpx2
from tests.apps import as_user
from tests.factories import make_collection, make_deck, make_job, make_output, make_user

from emprops.decks.schemas import DeckView
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def test_deck_has_the_fields_of_the_contract(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        await tx.execute("UPDATE collection SET cover_image_url = 'https://cdn.example.com/cover.png'")
        deck = await make_deck(tx, job.collection, name="My Deck")
        outputs = [
            await make_output(tx, job=job, deck_id=deck, status=status, error_message=error)
            for status, error in [("completed", None), ("hidden", None), ("failed", "no model"), ("pending", None)]
        ]
    reply = await client.get(f"/decks/{deck}", headers=as_user(job.user_id))
    assert reply.status_code == 200
    assert reply.json()["error"] is None
    data = reply.json()["data"]
    assert (data["id"], data["name"], data["status"], data["output_count"]) == (str(deck), "My Deck", "active", 3)
    assert data["collection"] == {
        "id": str(job.collection.id),
        "title": job.collection.title,
        "cover_image_url": "https://cdn.example.com/cover.png",
    }
    shown = [(item["id"], item["position"], item["status"]) for item in data["outputs"]]
    assert shown == [
        (str(outputs[0]), 1, "completed"),
        (str(outputs[2]), 3, "failed"),
        (str(outputs[3]), 4, "pending"),
    ]
    assert data["outputs"][0].keys() >= {"id", "url", "status", "mime_type", "position"}
    assert data["outputs"][0]["mime_type"] == "image/png"
    assert data["outputs"][1]["error_message"] == "no model"
    DeckView.model_validate(data)


async def test_outputs_come_by_position_and_in_parts(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        deck = await make_deck(tx, collection)
        outputs = [await make_output(tx, collection, deck_id=deck) for _ in range(4)]
        await tx.execute("UPDATE output SET position = 100 - position WHERE deck_id = %s", (deck,))
        await tx.execute("UPDATE deck SET last_position = 100")
    expected = [str(output) for output in reversed(outputs)]

    async def part(query: str) -> list[str]:
        reply = await client.get(f"/decks/{deck}{query}", headers=as_user(collection.user_id))
        assert reply.json()["data"]["output_count"] == 4
        return [item["id"] for item in reply.json()["data"]["outputs"]]

    assert await part("") == expected
    assert await part("?limit=2") == expected[:2]
    assert await part("?limit=2&offset=2") == expected[2:]
    assert (await client.get(f"/decks/{deck}?limit=201", headers=as_user(collection.user_id))).status_code == 400


async def test_empty_deck(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        deck = await make_deck(tx, user_id=user)
    data = (await client.get(f"/decks/{deck}", headers=as_user(user))).json()["data"]
    assert (data["output_count"], data["outputs"]) == (0, [])


async def test_strangers_see_published_decks_only(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        decks = {
            status: await make_deck(tx, job.collection, status=status)
            for status in ("active", "archived", "published", "locked")
        }
        for deck in decks.values():
            await make_output(tx, job=job, deck_id=deck, status="failed", error_message="no model")
    for status, deck in decks.items():
        assert (await client.get(f"/decks/{deck}", headers=as_user(job.user_id))).status_code == 200
        reply = await client.get(f"/api/decks/{deck}", headers=as_user(new_id()))
        if status == "published":
            (output,) = reply.json()["data"]["outputs"]
            assert (output["job_id"], output["error_message"], output["status"]) == (None, None, "failed")
            assert reply.json()["data"]["published_at"] is not None
        else:
            assert reply.status_code == 404
            assert reply.json()["error"] == "Deck not found"
    assert (await client.get(f"/decks/{new_id()}", headers=as_user(job.user_id))).status_code == 404
    assert (await client.get(f"/decks/{decks['published']}")).status_code == 401
    assert (await client.get("/decks/x", headers=as_user(job.user_id))).status_code == 400
