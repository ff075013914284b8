"""What starting a generation answers: the job, its outputs, and what was probably not meant."""

from typing import Any
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.factories import Collection
from tests.orchestrator.rig import Rig, make_recipe
from tests.orchestrator.sources import develop, make_global, make_source

from emprops.auth import role_store
from emprops.kit.ids import new_id

PROMT = "promt is no variable of this collection; did you mean prompt?"


async def recipe(rig: Rig, **options: Any) -> Collection:
    async with rig.database.transaction() as tx:
        return await make_recipe(tx, **options)


async def generate(rig: Rig, collection: Collection, **body: Any) -> Any:
    path = f"/api/collections/{collection.id}/generate"
    return await rig.client.post(path, json={"variables": {}} | body, headers=as_user(rig.user_id))


async def test_unknown_variables_are_named(rig: Rig) -> None:
    collection = await recipe(rig)
    variables = {"promt": "a fox", "prompt": "a hare"}
    started = await generate(rig, collection, variables=variables)
    assert started.status_code == 200
    assert started.json()["data"]["warnings"] == [PROMT]
    history = await rig.rows("SELECT message FROM job_history WHERE job_id = %s", started.json()["data"]["jobId"])
    assert PROMT in [row["message"] for row in history]
    path = f"/api/collections/{collection.id}/price"
    priced = await rig.client.post(path, json={"variables": variables}, headers=as_user(rig.user_id))
    assert priced.json()["data"]["warnings"] == [PROMT]
    assert (await generate(rig, collection, variables={"prompt": "a hare"})).json()["data"]["warnings"] == []


async def test_what_is_wrong_with_a_body_is_told_once(rig: Rig) -> None:
    response = await generate(rig, await recipe(rig), variables=None, create_output="perhaps")
    body = response.json()
    assert response.status_code == 400
    assert body["error"].startswith("variables: ")
    assert body["error"].endswith("(and 1 more)")
    assert [problem["field"] for problem in body["details"]] == ["variables", "create_output"]


async def test_who_asks_comes_before_what_is_asked(rig: Rig, service: dict[str, str]) -> None:
    response = await rig.client.post(f"/api/collections/{new_id()}/generate", json={"variables": 1}, headers=service)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_strict_refuses_unknown_variables_and_starts_nothing(rig: Rig) -> None:
    collection = await recipe(rig)
    refused = await generate(rig, collection, variables={"promt": "a fox"}, strict=True)
    assert refused.status_code == 400
    assert refused.json()["details"] == {"promt": "is no variable of this collection; did you mean prompt?"}
    assert await rig.rows("SELECT id FROM job") == []
    assert (await generate(rig, collection, variables={"prompt": "a fox"}, strict=True)).status_code == 200


async def test_users_cannot_ask_for_more_priority_than_they_may(rig: Rig, service: dict[str, str]) -> None:
    collection = await recipe(rig)
    warning = "workflow_priority 51 was lowered to 50, the highest that users may ask for."
    for asked, given, warnings in ((51, 50, [warning]), (50, 50, []), (7, 7, []), (None, 50, [])):
        started = (await generate(rig, collection, workflow_priority=asked)).json()["data"]
        (job,) = await rig.rows("SELECT priority FROM job WHERE id = %s", started["jobId"])
        assert (job["priority"], started["warnings"]) == (given, warnings)
    response = await rig.client.post(
        f"/api/collections/{collection.id}/generate",
        json={"variables": {}, "workflow_priority": 100},
        headers=service | as_user(rig.user_id),
    )
    started = response.json()["data"]
    (job,) = await rig.rows("SELECT priority FROM job WHERE id = %s", started["jobId"])
    assert (job["priority"], started["warnings"]) == (100, [])
    async with rig.database.transaction() as tx:
        await role_store.grant(tx, rig.user_id, "operator", by="the test")
    started = (await generate(rig, collection, workflow_priority=80)).json()["data"]
    (job,) = await rig.rows("SELECT priority FROM job WHERE id = %s", started["jobId"])
    assert (job["priority"], started["warnings"]) == (80, [])


@pytest.mark.parametrize("opens", [True, False])
async def test_the_outputs_are_named_in_the_reply_and_in_the_job(rig: Rig, opens: bool) -> None:
    collection = await recipe(rig, generations=3)
    started = (await generate(rig, collection, create_output=opens)).json()["data"]
    rows = await rig.rows("SELECT id FROM output WHERE job_id = %s ORDER BY generation", UUID(started["jobId"]))
    assert started["outputIds"] == [str(row["id"]) for row in rows]
    assert len(rows) == (3 if opens else 0)


async def test_mine_are_listed_over_all_collections(rig: Rig) -> None:
    collections = [await recipe(rig), await recipe(rig, generations=2)]
    made = [(await generate(rig, one)).json()["data"]["outputIds"] for one in collections]
    await rig.execute("UPDATE output SET mime_type = 'image/png' WHERE id = %s", UUID(made[0][0]))
    await rig.execute("UPDATE output SET status = 'hidden' WHERE id = %s", UUID(made[1][1]))

    async def listed(query: str = "", user: Any = rig.user_id) -> set[str]:
        reply = await rig.client.get(f"/outputs{query}", headers=as_user(user))
        assert reply.status_code == 200, reply.text
        return {one["id"] for one in reply.json()["data"]}

    assert await listed() == {made[0][0], made[1][0]}
    assert await listed(user=new_id()) == set()
    assert await listed(f"?collection_id={collections[1].id}") == {made[1][0]}
    assert await listed("?media_type=image") == {made[0][0]}
    assert await listed("?media_type=video") == await listed("?status=failed") == set()
    assert len(await listed("?limit=1")) == 1


async def test_a_service_lists_everybodys_jobs(rig: Rig) -> None:
    job_id = (await generate(rig, await recipe(rig))).json()["data"]["jobId"]
    for_all = await rig.client.get("/api/jobs", headers=rig.service)
    assert {one["id"]: one["user_id"] for one in for_all.json()["data"]} == {job_id: str(rig.user_id)}
    assert (await rig.client.get("/api/jobs", headers=as_user(new_id()))).json()["data"] == []


async def test_a_published_deck_has_a_page(rig: Rig) -> None:
    await generate(rig, await recipe(rig))
    (deck,) = (await rig.client.get("/decks", headers=as_user(rig.user_id))).json()["data"]
    assert deck["page_url"] is None
    published = await rig.client.post(f"/decks/{deck['id']}/publish", headers=as_user(rig.user_id))
    page = published.json()["data"]["page_url"]
    assert page == f"{rig.settings.base_url}/d/{deck['id']}"
    assert (await rig.client.get(page)).status_code == 200


async def test_a_job_remembers_the_key_that_started_it(rig: Rig, service: dict[str, str]) -> None:
    (key,) = await rig.rows("SELECT id FROM api_key WHERE prefix = %s", service["X-API-Key"].split("_")[1])
    async with rig.database.transaction() as tx:
        source, _ = await make_source(tx, rig)
        developer = await make_global(tx)
    collection = await recipe(rig)
    path = f"/api/collections/{collection.id}/generate"
    for headers, expected in ((service | as_user(rig.user_id), key["id"]), (as_user(rig.user_id), None)):
        generated = await rig.client.post(path, json={"variables": {}}, headers=headers)
        developed = await develop(rig, source, developer, **headers)
        for job_id in (generated.json()["data"]["jobId"], developed.json()["data"]["job_id"]):
            (job,) = await rig.rows("SELECT key_id FROM job WHERE id = %s", job_id)
            assert job["key_id"] == expected
