"""Reading outputs over HTTP: the contract's fields, and who sees what."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from tests.apps import as_user
from tests.factories import make_collection, make_deck, make_job, make_output, make_social_link, make_user
from tests.plans import Explaining

from emprops.auth.caller import Caller
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.kit.web.paging import Page
from emprops.outputs.queries import OutputFilter, all_of_collection, known_of_collection
from emprops.outputs.schemas import OutputItem, OutputView

CONTRACT = {
    "id",
    "url",
    "mime_type",
    "status",
    "collection_id",
    "deck_id",
    "deck",
    "collection",
    "created_at",
    "completed_at",
}


async def test_output_has_the_fields_of_the_contract(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        deck = await make_deck(tx, job.collection, name="My Deck")
        output = await make_output(
            tx, job=job, deck_id=deck, status="completed", mime_type="video/mp4", url="https://cdn.example.com/a.mp4"
        )
    reply = await client.get(f"/outputs/{output}", headers=as_user(job.user_id))
    assert reply.status_code == 200
    assert reply.json()["error"] is None
    data = reply.json()["data"]
    assert data.keys() >= CONTRACT
    assert data["url"] == "https://cdn.example.com/a.mp4"
    assert (data["status"], data["mime_type"]) == ("completed", "video/mp4")
    assert data["deck"] == {"id": str(deck), "name": "My Deck"}
    assert data["deck_id"] == str(deck)
    assert data["collection"] == {"id": str(job.collection.id), "title": job.collection.title}
    assert data["job_id"] == str(job.id)
    assert data["created_at"].endswith("Z")
    assert data["completed_at"].endswith("Z")
    assert OutputView.model_validate(data).position == 1
    again = await client.get(f"/api/outputs/{output}", headers=as_user(job.user_id))
    assert again.json() == reply.json()


async def test_pending_output_without_a_deck(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        user = await make_user(tx)
        output = await make_output(tx, user_id=user, input_metadata={"prompt": "a harbour"})
    data = (await client.get(f"/outputs/{output}", headers=as_user(user))).json()["data"]
    assert {data[key] for key in ("url", "mime_type", "deck", "deck_id", "position", "job_id", "completed_at")} == {
        None
    }
    assert data["status"] == "pending"
    assert data["input_metadata"] == {"prompt": "a harbour"}


async def test_only_its_owner_sees_an_output_unless_it_is_published(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.transaction() as tx:
        job = await make_job(tx)
        decks = {status: await make_deck(tx, job.collection, status=status) for status in ("active", "published")}
        outputs = {
            (deck, status): await make_output(
                tx, job=job, deck_id=deck and decks[deck], status=status, error_message="no", input_metadata={"a": 1}
            )
            for deck in (None, "active", "published")
            for status in ("failed", "hidden")
        }
    for (deck, status), output in outputs.items():
        own = await client.get(f"/outputs/{output}", headers=as_user(job.user_id))
        assert own.status_code == 200
        assert own.json()["data"]["status"] == status
        assert own.json()["data"]["error_message"] == "no"
        foreign = await client.get(f"/outputs/{output}", headers=as_user(new_id()))
        if (deck, status) == ("published", "failed"):
            data = foreign.json()["data"]
            assert data["id"] == str(output)
            assert {data[key] for key in ("job_id", "error_message", "input_metadata", "output_metadata")} == {None}
        else:
            assert foreign.status_code == 404
            assert foreign.json()["error"] == "Output not found"
    assert (await client.get(f"/outputs/{new_id()}", headers=as_user(job.user_id))).status_code == 404
    assert (await client.get(f"/outputs/{output}")).status_code == 401
    assert (await client.get("/outputs/1", headers=as_user(job.user_id))).status_code == 400


class World:
    """A public collection with outputs of its owner and of two users, in decks of several kinds."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.owner = self.user = self.other = self.collection = self.deck = new_id()

    async def fill(self, database: Database) -> None:
        async with database.transaction() as tx:
            collection = await make_collection(tx, is_public=True)
            self.collection, self.owner = collection.id, collection.user_id
            self.user, self.other = await make_user(tx), await make_user(tx)
            self.deck = await make_deck(tx, collection, self.user)
            published = await make_deck(tx, collection, self.other, status="published")
            link = await make_social_link(tx, "vitalik")
            for name, user, options in [
                ("user, first", self.user, {"deck_id": self.deck, "status": "completed"}),
                ("user, failed", self.user, {"deck_id": self.deck, "status": "failed"}),
                ("user, hidden", self.user, {"deck_id": self.deck, "status": "hidden"}),
                ("other, private", self.other, {"status": "completed"}),
                ("other, published", self.other, {"deck_id": published, "status": "completed"}),
                ("other, published, hidden", self.other, {"deck_id": published, "status": "hidden"}),
                ("user, for vitalik", self.user, {"custodied_for": link}),
                ("owner's", self.owner, {"status": "processing"}),
            ]:
                self.names[str(await make_output(tx, collection, user, **options))] = name
            await make_output(tx, user_id=self.user)  # of another collection


@pytest.fixture
async def world(database: Database) -> World:
    world = World()
    await world.fill(database)
    return world


async def listed(client: httpx2.AsyncClient, world: World, user: UUID, **query: Any) -> list[str]:
    reply = await client.get(f"/collections/{world.collection}/outputs", params=query, headers=as_user(user))
    assert reply.status_code == 200, reply.text
    for item in reply.json()["data"]:
        OutputItem.model_validate(item)
    return [world.names[item["id"]] for item in reply.json()["data"]]


async def test_owner_of_the_collection_sees_all_but_hidden_newest_first(
    client: httpx2.AsyncClient, world: World
) -> None:
    assert await listed(client, world, world.owner) == [
        "owner's",
        "user, for vitalik",
        "other, published",
        "other, private",
        "user, failed",
        "user, first",
    ]


async def test_others_see_their_own_and_published_ones(client: httpx2.AsyncClient, world: World) -> None:
    mine = ["user, for vitalik", "other, published", "user, failed", "user, first"]
    assert await listed(client, world, world.user) == mine
    assert await listed(client, world, world.other) == ["other, published", "other, private"]
    assert await listed(client, world, new_id()) == ["other, published"]
    for offset in range(5):
        assert await listed(client, world, world.user, limit=2, offset=offset) == mine[offset : offset + 2]


async def test_list_filters(client: httpx2.AsyncClient, world: World) -> None:
    assert await listed(client, world, world.user, deck_id=world.deck) == ["user, failed", "user, first"]
    assert await listed(client, world, world.other, deck_id=world.deck) == []
    assert await listed(client, world, world.user, status="completed") == ["other, published", "user, first"]
    assert await listed(client, world, world.owner, status="processing") == ["owner's"]
    assert await listed(client, world, world.owner, status="hidden") == []
    vitalik = {"social_org": "farcaster", "social_identifier": "vitalik"}
    assert await listed(client, world, world.user, **vitalik) == ["user, for vitalik"]
    assert await listed(client, world, world.owner, **vitalik, status="completed") == []
    assert await listed(client, world, world.user, **vitalik | {"social_identifier": "nobody"}) == []
    assert await listed(client, world, world.user, **vitalik | {"social_org": "twitter"}) == []


async def test_list_shows_the_deck_and_keeps_what_is_private(client: httpx2.AsyncClient, world: World) -> None:
    reply = await client.get(f"/collections/{world.collection}/outputs", headers=as_user(world.user))
    items = {world.names[item["id"]]: item for item in reply.json()["data"]}
    assert items["user, first"]["deck"] == {"id": str(world.deck), "name": "My Deck"}
    assert items["user, for vitalik"]["deck"] is None
    assert items["user, for vitalik"]["is_custodial"]


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "deck_id=x",
        "social_org=farcaster",
        "social_identifier=vitalik",
        "social_org=myspace&social_identifier=tom",
        "social_org=twitter&social_identifier=",
        "limit=0",
        "limit=201",
        "offset=-1",
    ],
)
async def test_list_refuses_what_it_does_not_know(client: httpx2.AsyncClient, world: World, query: str) -> None:
    reply = await client.get(f"/collections/{world.collection}/outputs?{query}", headers=as_user(world.user))
    assert reply.status_code == 400
    assert reply.json()["error"]


async def test_private_collection_is_known_to_those_who_have_something_in_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        guest = await make_user(tx)
        await make_output(tx, collection, guest)
    path = f"/collections/{collection.id}/outputs"
    assert (await client.get(path, headers=as_user(new_id()))).status_code == 404
    assert (await client.get(f"/collections/{new_id()}/outputs", headers=as_user(guest))).status_code == 404
    assert len((await client.get(path, headers=as_user(guest))).json()["data"]) == 1
    assert (await client.get(f"{path}?status=failed", headers=as_user(guest))).json()["data"] == []
    assert (await client.get(f"{path}?limit=5", headers=as_user(collection.user_id))).status_code == 200


async def test_service_sees_all(app: FastAPI, client: httpx2.AsyncClient, world: World) -> None:
    class Service:
        async def identify(self, connection: HTTPConnection) -> Caller:  # noqa: ARG002
            return Caller(user_id=None, is_service=True)

    app.state.authenticator = Service()
    assert len((await client.get(f"/collections/{world.collection}/outputs")).json()["data"]) == 6
    hidden = next(output for output, name in world.names.items() if name == "user, hidden")
    assert (await client.get(f"/outputs/{hidden}")).json()["data"]["status"] == "hidden"


async def test_lists_follow_indexes_in_their_order(database: Database) -> None:
    async with database.transaction() as tx, tx.connection.transaction(force_rollback=True):
        ours, theirs = await make_collection(tx), await make_collection(tx)
        for user, collection, count in (
            (ours.user_id, ours.id, 3000),
            (theirs.user_id, theirs.id, 3000),
            (ours.user_id, theirs.id, 30),
        ):
            await tx.execute(
                "INSERT INTO output (id, user_id, collection_id) SELECT gen_random_uuid(), %s, %s"
                " FROM generate_series(1, %s)",
                (user, collection, count),
            )
        await tx.execute("ANALYZE output")
        explaining = Explaining(tx.connection)
        await all_of_collection(explaining, theirs.id, OutputFilter(), Page())
        assert "output_of_collection " in explaining.plan
        assert "Sort" not in explaining.plan
        await known_of_collection(explaining, theirs.id, ours.user_id, OutputFilter(), Page())
        assert "output_of_user_and_collection" in explaining.plan
        assert "Seq Scan" not in explaining.plan
