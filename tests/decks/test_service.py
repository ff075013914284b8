"""Make, change, publish, lock, archive, reorder and list decks, as the document gives it."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from tests import factories
from tests.apps import as_user
from tests.outputs.opening import open_outputs

from emprops.decks.states import DECK_TRANSITIONS, DeckStatus
from emprops.errors import BadRequestError
from emprops.kit.database import Database
from emprops.outputs import job_results as outputs


@pytest.fixture
async def collection(database: Database) -> factories.Collection:
    async with database.transaction() as tx:
        return await factories.make_collection(tx, title="Veo Generator")


async def make_deck(database: Database, collection: factories.Collection, outputs: int = 0, **columns: Any) -> UUID:
    async with database.transaction() as tx:
        deck_id = await factories.make_deck(tx, collection, **columns)
        for _ in range(outputs):
            await factories.make_output(tx, collection, deck_id=deck_id, status="completed", url="https://x/y.png")
        return deck_id


async def call(client: httpx2.AsyncClient, user: UUID, method: str, path: str, body: Any = None) -> httpx2.Response:
    return await client.request(method, path, json=body, headers=as_user(user))


async def test_create_deck_with_the_documents_body(
    client: httpx2.AsyncClient, collection: factories.Collection
) -> None:
    body = {
        "collection_id": str(collection.id),
        "name": "My Video Collection",
        "description": "Videos from...",
        "social_org": "farcaster",
        "social_identifier": "username",
    }
    response = await call(client, collection.user_id, "POST", "/decks", body)
    assert response.status_code == 201, response.text
    deck = response.json()["data"]
    assert response.json()["error"] is None
    assert deck["collection_id"] == str(collection.id)
    assert (deck["name"], deck["status"], deck["output_count"]) == ("My Video Collection", "active", 0)
    assert deck["is_custodial"] is True
    assert UUID(deck["id"])
    assert deck["created_at"].endswith("Z")

    again = await call(client, collection.user_id, "POST", "/decks", {"collection_id": str(collection.id)})
    assert again.json()["data"]["name"] == "Veo Generator"
    assert again.json()["data"]["is_custodial"] is False


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"collection_id": str(uuid4())}, 404, "Collection not found"),
        ({"collection_id": "x"}, 400, "collection_id"),
        ({"social_org": "farcaster"}, 400, "together"),
        ({"social_org": "myspace", "social_identifier": "tom"}, 400, "social_org"),
        ({"name": ""}, 400, "name"),
    ],
)
async def test_decks_that_cannot_be_made(
    client: httpx2.AsyncClient, collection: factories.Collection, changes: dict[str, Any], status: int, sentence: str
) -> None:
    body = {"collection_id": str(collection.id), **changes}
    response = await call(client, collection.user_id, "POST", "/decks", body)
    assert response.status_code == status
    assert sentence in response.json()["error"]


async def test_update_publish_lock_archive(
    client: httpx2.AsyncClient, database: Database, collection: factories.Collection
) -> None:
    deck_id, user = await make_deck(database, collection), collection.user_id
    body = {"name": "Updated Name", "description": "New description", "status": "published"}
    updated = (await call(client, user, "PATCH", f"/decks/{deck_id}", body)).json()["data"]
    assert (updated["name"], updated["status"], updated["description"]) == (
        "Updated Name",
        "published",
        "New description",
    )
    assert updated["published_at"] is not None

    published = (await call(client, user, "POST", f"/decks/{deck_id}/publish")).json()["data"]
    assert published["published_at"] == updated["published_at"]
    locked = (await call(client, user, "POST", f"/decks/{deck_id}/lock")).json()["data"]
    assert (locked["id"], locked["status"]) == (str(deck_id), "locked")
    archived = (await call(client, user, "DELETE", f"/decks/{deck_id}")).json()["data"]
    assert (archived["id"], archived["status"]) == (str(deck_id), "archived")
    refused = await call(client, user, "POST", f"/decks/{deck_id}/publish")
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "The deck is archived; make it active before it becomes published.",
    )
    cleared = (await call(client, user, "PATCH", f"/decks/{deck_id}", {"description": None, "status": "active"})).json()
    assert (cleared["data"]["description"], cleared["data"]["status"]) == (None, "active")
    assert cleared["data"]["name"] == "Updated Name"


@pytest.mark.parametrize("before", list(DeckStatus))
@pytest.mark.parametrize("after", list(DeckStatus))
async def test_every_transition_is_allowed_or_refused_as_the_states_say(
    client: httpx2.AsyncClient,
    database: Database,
    collection: factories.Collection,
    before: DeckStatus,
    after: DeckStatus,
) -> None:
    deck_id = await make_deck(database, collection, status=before)
    response = await call(client, collection.user_id, "PATCH", f"/decks/{deck_id}", {"status": after})
    assert response.status_code == (200 if after in DECK_TRANSITIONS[before] else 400)


async def test_the_cover_is_a_visible_output_of_the_deck(
    client: httpx2.AsyncClient, database: Database, collection: factories.Collection
) -> None:
    deck_id, other_deck = await make_deck(database, collection), await make_deck(database, collection)
    async with database.transaction() as tx:
        inside = await factories.make_output(tx, collection, deck_id=deck_id, status="completed")
        elsewhere = await factories.make_output(tx, collection, deck_id=other_deck, status="completed")
    user, path = collection.user_id, f"/decks/{deck_id}"
    chosen = await call(client, user, "PATCH", path, {"cover_output_id": str(inside)})
    assert chosen.json()["data"]["cover_output_id"] == str(inside)
    refused = await call(client, user, "PATCH", path, {"cover_output_id": str(elsewhere)})
    assert refused.status_code == 400
    assert "visible output of this deck" in refused.json()["error"]
    cleared = await call(client, user, "PATCH", path, {"cover_output_id": None})
    assert cleared.json()["data"]["cover_output_id"] is None


async def test_reorder(client: httpx2.AsyncClient, database: Database, collection: factories.Collection) -> None:
    deck_id, user = await make_deck(database, collection, outputs=4), collection.user_id
    ids = [o["id"] for o in (await call(client, user, "GET", f"/decks/{deck_id}")).json()["data"]["outputs"]]
    wanted = [ids[2], ids[0]]
    assert (await call(client, user, "PATCH", f"/decks/{deck_id}/order", {"output_ids": wanted})).status_code == 200
    shown = (await call(client, user, "GET", f"/decks/{deck_id}")).json()["data"]["outputs"]
    assert [(o["id"], o["position"]) for o in shown] == [(ids[2], 1), (ids[0], 2), (ids[1], 3), (ids[3], 4)]
    assert (await call(client, user, "DELETE", f"/outputs/{ids[2]}")).status_code == 200
    for wrong in ([str(uuid4())], [ids[0], ids[0]], [ids[2]]):
        response = await call(client, user, "PATCH", f"/decks/{deck_id}/order", {"output_ids": wrong})
        assert response.status_code == 400
    await call(client, user, "PATCH", f"/decks/{deck_id}/order", {"output_ids": [ids[3]]})
    shown = (await call(client, user, "GET", f"/decks/{deck_id}")).json()["data"]["outputs"]
    assert [(o["id"], o["position"]) for o in shown] == [(ids[3], 1), (ids[0], 2), (ids[1], 3)]


async def test_lists(client: httpx2.AsyncClient, database: Database, collection: factories.Collection) -> None:
    user, stranger = collection.user_id, uuid4()
    async with database.transaction() as tx:
        link = await factories.make_social_link(tx, "vitalik")
    mine = await make_deck(database, collection, outputs=2)
    held = await make_deck(database, collection, custodied_for=link)
    gone = await make_deck(database, collection, status="archived")
    shared = await make_deck(database, collection, status="published")

    async def listed(who: UUID, path: str) -> list[str]:
        response = await call(client, who, "GET", path)
        assert response.status_code == 200, response.text
        return [deck["id"] for deck in response.json()["data"]]

    assert await listed(user, "/decks") == [str(shared), str(held), str(mine)]
    assert await listed(user, "/decks?status=archived") == [str(gone)]
    assert await listed(user, "/decks?social_org=farcaster&social_identifier=vitalik") == [str(held)]
    assert await listed(user, "/decks?social_org=farcaster&social_identifier=nobody") == []
    assert await listed(stranger, "/decks") == []
    assert await listed(user, "/decks?limit=1&offset=1") == [str(held)]
    of_collection = f"/collections/{collection.id}/decks"
    assert await listed(user, of_collection) == [str(shared), str(held), str(mine)]
    assert await listed(stranger, of_collection) == [str(shared)]
    assert (await call(client, user, "GET", "/decks?social_org=farcaster")).status_code == 400
    first = (await call(client, user, "GET", "/decks")).json()["data"][2]
    assert first["output_count"] == 2
    assert first["collection"] == {"id": str(collection.id), "title": "Veo Generator", "cover_image_url": None}


async def test_nothing_is_added_once_a_lock_was_answered(
    client: httpx2.AsyncClient, database: Database, collection: factories.Collection
) -> None:
    user = collection.user_id
    deck_id = await make_deck(database, collection)

    async def add() -> bool:
        async with database.transaction() as tx:
            job = await factories.make_job(tx, user, collection=collection)
        try:
            async with database.transaction() as tx:
                await open_outputs(tx, job, to=outputs.Destination(deck_id))
        except BadRequestError as error:
            return "locked" not in error.message
        return True

    async def lock() -> int:
        response = await call(client, user, "POST", f"/decks/{deck_id}/lock")
        assert response.status_code == 200
        return int(response.json()["data"]["output_count"])

    added = [asyncio.create_task(add()) for _ in range(6)]
    at_lock = await lock()
    won = sum(await asyncio.gather(*added))
    deck = (await call(client, user, "GET", f"/decks/{deck_id}")).json()["data"]
    assert len(deck["outputs"]) == deck["output_count"] == won == at_lock


async def test_a_foreign_deck_looks_unknown(
    client: httpx2.AsyncClient, database: Database, collection: factories.Collection
) -> None:
    deck_id = await make_deck(database, collection, status="published")
    for method, path in [("PATCH", ""), ("DELETE", ""), ("POST", "/publish"), ("POST", "/lock")]:
        body = {"name": "mine now"} if method == "PATCH" else None
        response = await call(client, uuid4(), method, f"/decks/{deck_id}{path}", body)
        assert (response.status_code, response.json()["error"]) == (404, "Deck not found")
