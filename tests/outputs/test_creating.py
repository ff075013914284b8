"""Make outputs over HTTP, with the bodies of the document."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests import factories
from tests.apps import as_user
from tests.outputs.caller import Caller

from emprops.kit.database import Database


async def test_create_with_the_documents_body(
    call: Caller, database: Database, collection: factories.Collection
) -> None:
    deck_id = None
    async with database.transaction() as tx:
        job = await factories.make_job(tx, collection=collection)
        link = await factories.make_social_link(tx, "username")
        deck_id = await factories.make_deck(tx, collection, custodied_for=link)
    body = {
        "collection_id": str(collection.id),
        "job_id": str(job.id),
        "source": "miniapp",
        "input_metadata": {"prompt": "a quiet harbour"},
        "social_org": "farcaster",
        "social_identifier": "username",
        "deck_id": str(deck_id),
        "auto_create_deck": True,
    }
    made = await call("POST", "/outputs", body, status=201)
    assert {name: made[name] for name in ("collection_id", "deck_id", "job_id", "status", "source")} == {
        "collection_id": str(collection.id),
        "deck_id": str(deck_id),
        "job_id": str(job.id),
        "status": "pending",
        "source": "miniapp",
    }
    assert (made["is_custodial"], made["custodied_for"]) == (True, str(link))
    assert made["created_at"].endswith("Z")
    assert made["input_metadata"] == {"prompt": "a quiet harbour"}
    assert (await call.deck(deck_id))["output_count"] == 1


async def test_the_flow_of_the_document_makes_the_deck(call: Caller, collection: factories.Collection) -> None:
    social = {"source": "miniapp", "social_org": "farcaster", "social_identifier": "vitalik"}
    first, second = await call.make(collection, **social), await call.make(collection, **social)
    other, none = await call.make(collection), await call.make(collection, auto_create_deck=False)
    assert first["deck_id"] == second["deck_id"] != other["deck_id"]
    assert (none["deck_id"], none["deck"], none["position"], none["source"]) == (None, None, None, "unknown")
    deck = await call.deck(first["deck_id"])
    assert (deck["name"], deck["output_count"], deck["custodied_for"]) == (
        "Veo Video Generator",
        2,
        first["custodied_for"],
    )
    assert [(output["id"], output["position"]) for output in deck["outputs"]] == [(first["id"], 1), (second["id"], 2)]


async def test_two_first_outputs_at_once_share_one_deck(call: Caller, collection: factories.Collection) -> None:
    made = await asyncio.gather(*(call.make(collection) for _ in range(6)))
    assert len({output["deck_id"] for output in made}) == 1
    assert sorted(output["position"] for output in made) == [1, 2, 3, 4, 5, 6]


async def test_creating_again_with_the_key_creates_nothing(
    client: httpx2.AsyncClient, call: Caller, collection: factories.Collection
) -> None:
    headers = {**as_user(call.user), "Idempotency-Key": "tile-1"}
    body = {"collection_id": str(collection.id)}
    first, again = [await client.post("/outputs", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await call.deck(first.json()["data"]["deck_id"]))["output_count"] == 1


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"collection_id": str(uuid4())}, 404, "Collection not found"),
        ({"collection_id": None}, 400, "collection_id"),
        ({"source": "elsewhere"}, 400, "source"),
        ({"social_identifier": "vitalik"}, 400, "together"),
        ({"social_org": "myspace", "social_identifier": "tom"}, 400, "social_org"),
        ({"job_id": str(uuid4())}, 404, "Job not found"),
        ({"deck_id": str(uuid4())}, 404, "Deck not found"),
        ({"input_metadata": [1]}, 400, "input_metadata"),
    ],
)
async def test_outputs_that_cannot_be_made(
    call: Caller,
    database: Database,
    collection: factories.Collection,
    fields: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    assert sentence in await call("POST", "/outputs", {"collection_id": str(collection.id), **fields}, status=status)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM output") == 0
        assert await reader.fetch_value("SELECT count(*) FROM deck") == 0


@pytest.mark.parametrize(
    ("status", "sentence"), [("locked", "The deck is locked"), ("archived", "The deck is archived")]
)
async def test_a_deck_that_takes_nothing(
    call: Caller, database: Database, collection: factories.Collection, status: str, sentence: str
) -> None:
    async with database.transaction() as tx:
        deck_id = await factories.make_deck(tx, collection, status=status)
        foreign = await factories.make_deck(tx, collection, await factories.make_user(tx))
        job = await factories.make_job(tx, call.user)
    body = {"collection_id": str(collection.id)}
    assert sentence in await call("POST", "/outputs", {**body, "deck_id": str(deck_id)}, status=400)
    assert "Deck not found" in await call("POST", "/outputs", {**body, "deck_id": str(foreign)}, status=404)
    assert "another collection" in await call("POST", "/outputs", {**body, "job_id": str(job.id)}, status=400)
