"""A collection's own price: in credits, once for each generation, next to what its steps cost."""

from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.credits.invariants import broken
from tests.factories import Collection, make_output
from tests.orchestrator.rig import FAILED, Rig, make_recipe, picture

from emprops.kit.database import Database


async def with_price(database: Database, own: Any, *, blockchain: str | None = None, **recipe: Any) -> Collection:
    async with database.transaction() as tx:
        collection = await make_recipe(tx, **recipe)
        await tx.execute(
            "UPDATE collection SET price = %s, blockchain = %s WHERE id = %s", (own, blockchain, collection.id)
        )
    return collection


async def price_of(rig: Rig, collection: Collection) -> dict[str, Any]:
    reply = await rig.client.post(f"/collections/{collection.id}/price", json={}, headers=as_user(rig.user_id))
    assert reply.status_code == 200, reply.text
    return dict(reply.json()["data"])


async def generate(rig: Rig, collection: Collection) -> UUID:
    path = f"/api/collections/{collection.id}/generate"
    reply = await rig.client.post(path, json={"variables": {}}, headers=as_user(rig.user_id))
    assert reply.status_code == 200, reply.text
    await rig.dispatcher.flush()
    return UUID(reply.json()["data"]["jobId"])


async def account(rig: Rig) -> dict[str, Any]:
    async with rig.database.reader() as reader:
        assert not await broken(reader)
    shown = (await rig.client.get("/credits", headers=as_user(rig.user_id))).json()["data"]
    return {name: shown[name] for name in ("balance", "held", "available")}


async def test_it_is_said_held_and_charged_exactly(rig: Rig) -> None:
    collection = await with_price(rig.database, "0.100001", steps=1, generations=3, price=2)
    said = await price_of(rig, collection)
    assert (said["price"], said["collection"], sum(step["price"] for step in said["steps"])) == (6.300003, 0.300003, 6)
    await generate(rig, collection)
    assert await account(rig) == {"balance": 1000, "held": 6.300003, "available": 993.699997}
    for name in "abc":
        await rig.run(picture(name))
    assert await account(rig) == {"balance": 993.699997, "held": 0, "available": 993.699997}


async def test_a_collection_whose_steps_are_free_may_cost(rig: Rig) -> None:
    collection = await with_price(rig.database, 5)
    job_id = await generate(rig, collection)
    await rig.run(FAILED)
    assert await rig.entries(job_id) == ["hold", "release"], "a failure costs nothing"
    await rig.execute("UPDATE collection SET price = 50 WHERE id = %s", collection.id)
    await rig.ok(job_id, "retry")
    assert (await account(rig))["held"] == 5, "a retry costs what the job cost first"
    assert (await price_of(rig, collection))["price"] == 50


async def test_too_few_credits_for_it(rig: Rig) -> None:
    collection = await with_price(rig.database, 1000, price=0.5)
    path = f"/api/collections/{collection.id}/generate"
    reply = await rig.client.post(path, json={"variables": {}}, headers=as_user(rig.user_id))
    assert (reply.status_code, reply.json()["needed"], reply.json()["available"]) == (402, 1000.5, 1000)


async def test_developing_costs_it_too(rig: Rig) -> None:
    collection = await with_price(rig.database, 3, price=1, steps=2)
    async with rig.database.transaction() as tx:
        await tx.execute("UPDATE collection SET is_global = true, input_type = 'image', output_type = 'image'")
        source = await make_output(tx, user_id=rig.user_id, status="completed")
    path = f"/outputs/{source}/develop"
    reply = await rig.client.post(path, json={"collection_id": str(collection.id)}, headers=as_user(rig.user_id))
    assert reply.status_code == 202, reply.text
    assert (await account(rig))["held"] == 5


async def test_a_price_in_the_currency_of_a_blockchain_is_shown_and_not_charged(rig: Rig) -> None:
    collection = await with_price(rig.database, "0.00000001", blockchain="tezos", price=1)
    said = await price_of(rig, collection)
    assert (said["price"], said["collection"]) == (1, 0)
    await generate(rig, collection)
    assert (await account(rig))["held"] == 1
    shown = await rig.client.get(f"/collections/{collection.id}/public")
    assert (shown.json()["data"]["price"], shown.json()["data"]["blockchain"]) == (1e-8, "tezos")


async def test_one_that_was_stored_before_and_cannot_be_paid_is_said(rig: Rig) -> None:
    collection = await with_price(rig.database, "0.00000001")
    reply = await rig.client.post(f"/collections/{collection.id}/price", json={}, headers=as_user(rig.user_id))
    assert (reply.status_code, reply.json()["error"]) == (400, "COLLECTION_CORRUPTED")
    assert "the collection's price: an amount of credits must not have more than 6 decimals" in reply.json()["message"]


@pytest.mark.parametrize("price", [1e-7, "0.0000001", "1000001", 1e9])
async def test_what_is_no_amount_of_credits_is_refused(rig: Rig, price: Any) -> None:
    headers = as_user(rig.user_id)
    async with rig.database.transaction() as tx:
        data = await tx.fetch_value("SELECT data FROM collection WHERE id = %s", ((await make_recipe(tx)).id,))
    body = {"title": "Dear", "data": data, "price": price}
    refused = await rig.client.post("/collections", json=body, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("price: without a blockchain it is in credits")
    made = await rig.client.post("/collections", json=body | {"blockchain": "base"}, headers=headers)
    assert made.status_code == 201
    path = f"/collections/{made.json()['data']['id']}"
    assert (await rig.client.patch(path, json={"blockchain": None}, headers=headers)).status_code == 400
    changed = await rig.client.patch(path, json={"blockchain": None, "price": "0.000001"}, headers=headers)
    assert changed.json()["data"]["price"] == 1e-6
    assert (await rig.client.patch(path, json={"price": price}, headers=headers)).status_code == 400
