"""Credits over HTTP: grant, balance, ledger, price, and a generation that cannot be paid."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from tests.apps import as_user, client_of
from tests.credits.conftest import make_priced_collection
from tests.credits.invariants import broken
from tests.factories import Collection

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.settings import Settings

TABLE = {"by": "quality", "values": {"final": 2}, "default": 0.25}


async def priced(database: Database, price: Any, **options: Any) -> Collection:
    async with database.transaction() as tx:
        return await make_priced_collection(tx, price, **options)


async def grant(client: httpx2.AsyncClient, service: dict[str, str], user_id: UUID, amount: Any) -> httpx2.Response:
    body = {"user_id": str(user_id), "amount": amount, "reason": "Welcome"}
    return await client.post("/credits/grant", json=body, headers=service)


async def generate(client: httpx2.AsyncClient, user_id: UUID, collection: Collection, **body: Any) -> httpx2.Response:
    path = f"/api/collections/{collection.id}/generate"
    return await client.post(path, json={"variables": {}} | body, headers=as_user(user_id))


async def credits_of(client: httpx2.AsyncClient, user_id: UUID) -> dict[str, Any]:
    response = await client.get("/credits", headers=as_user(user_id))
    assert response.status_code == 200
    shown = dict(response.json()["data"])
    assert shown.pop("limits") == []
    return shown


async def test_a_grant_shows_in_balance_and_ledger(client: httpx2.AsyncClient, service: dict[str, str]) -> None:
    user_id = new_id()
    response = await grant(client, service, user_id, 0.3)
    assert response.status_code == 201
    granted = response.json()["data"]
    entry_id = granted.pop("entry_id")
    assert granted == {"user_id": str(user_id), "balance": 0.3, "held": 0, "available": 0.3}
    assert await credits_of(client, user_id) == {"balance": 0.3, "held": 0, "available": 0.3}
    [entry] = (await client.get("/credits/ledger", headers=as_user(user_id))).json()["data"]
    assert entry.pop("created_at")
    assert entry == {
        "id": entry_id,
        "kind": "grant",
        "amount": 0.3,
        "available": 0.3,
        "held": 0,
        "job_id": None,
        "reason": "Welcome",
    }


@pytest.mark.parametrize("amount", [0, -1, True, None, "NaN", "x", 0.0000001, 1e9, 1e300, [1]])
async def test_a_wrong_amount_is_refused(client: httpx2.AsyncClient, service: dict[str, str], amount: Any) -> None:
    user_id = new_id()
    response = await grant(client, service, user_id, amount)
    assert response.status_code == 400
    assert response.json()["error"].startswith("amount")
    assert await credits_of(client, user_id) == {"balance": 0, "held": 0, "available": 0}


async def test_grants_cannot_pile_up_beyond_what_can_be_counted(
    client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    user_id = new_id()
    assert (await grant(client, service, user_id, 999_999_999)).status_code == 201
    response = await grant(client, service, user_id, 1)
    assert (response.status_code, response.json()["error"]) == (
        400,
        "amount: a user must have fewer than 1000000000 credits",
    )
    assert (await credits_of(client, user_id))["balance"] == 999_999_999


async def test_users_cannot_grant(client: httpx2.AsyncClient) -> None:
    user_id = new_id()
    response = await grant(client, as_user(user_id), user_id, 5)
    assert response.status_code == 403
    assert (await credits_of(client, user_id))["balance"] == 0


async def test_everybody_sees_their_own_ledger_newest_first_in_pages(
    client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    user_id, other = new_id(), new_id()
    for amount in (1, 2, 3):
        await grant(client, service, user_id, amount)
    await grant(client, service, other, 9)

    async def amounts(query: str) -> list[float]:
        response = await client.get(f"/credits/ledger{query}", headers=as_user(user_id))
        return [entry["amount"] for entry in response.json()["data"]]

    assert await amounts("") == [3, 2, 1]
    assert await amounts("?limit=2") == [3, 2]
    assert await amounts("?limit=2&offset=2") == [1]
    assert (await client.get("/credits/ledger?limit=0", headers=as_user(user_id))).status_code == 400


async def test_users_start_with_the_initial_credits_once(
    settings: Settings, app: FastAPI, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    user_id = new_id()
    app.state.resources = type(app.state.resources)(
        **{name: getattr(app.state.resources, name) for name in app.state.resources.__slots__} | {"settings": settings}
    )
    for _ in range(2):
        assert await credits_of(client, user_id) == {"balance": 1000, "held": 0, "available": 1000}
    assert (await grant(client, service, new_id(), 1)).json()["data"]["balance"] == 1001


@pytest.mark.parametrize(
    ("price", "variables", "expected"),
    [
        (None, {}, 0),
        (0.05, {}, 0.1),
        ({"cost": 1}, {}, 2),
        (TABLE, {}, 0.5),
        (TABLE, {"quality": "final"}, 4),
    ],
)
async def test_a_generation_says_its_price_before_it_runs(
    database: Database, client: httpx2.AsyncClient, price: Any, variables: dict[str, Any], expected: float
) -> None:
    collection = await priced(database, price, generations=2)
    response = await client.post(
        f"/collections/{collection.id}/price", json={"variables": variables}, headers=as_user(new_id())
    )
    assert response.status_code == 200
    data = response.json()["data"]
    assert data["price"] == expected
    assert [(step["step"], step["generation"], step["price"]) for step in data["steps"]] == [
        (1, 0, expected / 2),
        (1, 1, expected / 2),
    ]
    assert data["needed"] == expected
    assert data["enough"] is (data["available"] >= expected)
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM job") == 0
        assert await reader.fetch_value("SELECT count(*) FROM app_user WHERE id <> %s", (collection.user_id,)) == 0


async def test_the_price_says_whether_there_is_enough_as_the_refusal_does(
    database: Database, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    collection, user_id = await priced(database, {"cost": 2}), new_id()
    await grant(client, service, user_id, 3)
    path = f"/collections/{collection.id}/price"
    asked = (await client.post(path, json={}, headers=as_user(user_id))).json()["data"]
    assert (asked["needed"], asked["enough"]) == (2, True)
    while (asked := (await client.post(path, json={}, headers=as_user(user_id))).json()["data"])["enough"]:
        assert (await generate(client, user_id, collection)).status_code == 200
    refused = await generate(client, user_id, collection)
    assert refused.status_code == 402
    assert {name: refused.json()[name] for name in ("needed", "available")} == {
        "needed": asked["needed"],
        "available": asked["available"],
    }


async def test_a_default_of_the_form_decides_the_price(database: Database, client: httpx2.AsyncClient) -> None:
    collection = await priced(database, {"by": "quality", "values": {"draft": 3}, "default": 7}, quality="")
    response = await client.post(f"/collections/{collection.id}/price", json={}, headers=as_user(new_id()))
    assert response.json()["data"]["price"] == 3


async def test_the_price_is_that_of_the_variables_that_are_sent(
    database: Database, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    collection, user_id = await priced(database, TABLE), new_id()
    await grant(client, service, user_id, 3)
    assert (await generate(client, user_id, collection, variables={"quality": "final"})).status_code == 200
    assert (await generate(client, user_id, collection)).status_code == 200
    assert await credits_of(client, user_id) == {"balance": 3, "held": 2.25, "available": 0.75}
    assert (await generate(client, user_id, collection, variables={"quality": "final"})).status_code == 402


@pytest.mark.parametrize("price", [-1, "return { cost: 0 }", {"by": "quality", "values": {}}])
async def test_a_stored_workflow_with_a_wrong_price_is_a_corrupted_collection(
    database: Database, client: httpx2.AsyncClient, price: Any
) -> None:
    collection = await priced(database, price)
    response = await generate(client, new_id(), collection)
    assert (response.status_code, response.json()["error"]) == (400, "COLLECTION_CORRUPTED")
    assert "credits" in response.json()["message"]


async def test_not_enough_credits(database: Database, client: httpx2.AsyncClient, service: dict[str, str]) -> None:
    """The contract: Insufficient Credits. Nothing is left of the attempt: no job, step, history, output or deck."""
    collection, user_id = await priced(database, 1), new_id()
    await grant(client, service, user_id, 0.999999)
    response = await generate(client, user_id, collection)
    assert response.status_code == 402
    body = response.json()
    assert body.pop("code") == "not_enough_credits"
    assert body.pop("request_id")
    assert body == {"data": None, "error": "Not enough credits.", "needed": 1, "available": 0.999999}
    async with database.reader() as reader:
        for table in ("job", "step", "job_history", "output", "deck", "credit_hold"):
            assert await reader.fetch_value(f"SELECT count(*) FROM {table}") == 0, table
        assert await reader.fetch_value("SELECT count(*) FROM credit_entry") == 1
        assert not await broken(reader)


async def test_somebody_who_never_had_credits_has_not_enough(database: Database, client: httpx2.AsyncClient) -> None:
    collection = await priced(database, 0.000001)
    assert (await generate(client, new_id(), collection)).status_code == 402


async def test_two_hundred_at_once_with_credit_for_ten(
    database: Database, app: FastAPI, service: dict[str, str]
) -> None:
    collection, user_id = await priced(database, 10), new_id()
    async with client_of(app) as client:
        await grant(client, service, user_id, 100)

        async def ask() -> int:
            while (status := (await generate(client, user_id, collection)).status_code) == 503:
                pass  # this many may wait longer for the account than a statement may
            return status

        statuses = await asyncio.gather(*(ask() for _ in range(200)))
        assert (statuses.count(200), statuses.count(402)) == (10, 190)
        assert await credits_of(client, user_id) == {"balance": 100, "held": 100, "available": 0}
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM job") == 10
        assert await reader.fetch_value("SELECT count(*) FROM output") == 10
        assert await reader.fetch_value("SELECT sum(amount) FROM credit_leg") == 0
        assert not await broken(reader)


async def test_one_job_id_sent_many_times_at_once_is_paid_once(
    database: Database, client: httpx2.AsyncClient, service: dict[str, str]
) -> None:
    collection, user_id, job_id = await priced(database, 1), new_id(), str(new_id())
    await grant(client, service, user_id, 100)
    replies = await asyncio.gather(*(generate(client, user_id, collection, workflow_id=job_id) for _ in range(10)))
    assert {reply.status_code for reply in replies} <= {200, 409}
    again = (await generate(client, user_id, collection, workflow_id=job_id)).json()["data"]
    async with database.reader() as reader:
        outputs = await reader.fetch_values("SELECT id::text FROM output WHERE job_id = %s", (job_id,))
    assert again == {"jobId": job_id, "outputIds": outputs, "warnings": []}
    assert len(outputs) == 1
    assert await credits_of(client, user_id) == {"balance": 100, "held": 1, "available": 99}
    async with database.reader() as reader:
        assert not await broken(reader)
