"""Wait for a job in the request that starts it, or in one that asks for it: what is answered."""

from uuid import UUID

import pytest
from tests.apps import as_user
from tests.orchestrator.rig import FAILED, Rig, picture
from tests.orchestrator.sources import both
from tests.orchestrator.waiting.rig import LONG, STARTED, both_of, collection, generate, ticket_is_there, until

from emprops.jobs.ends import Ends
from emprops.kit.ids import new_id

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize(("query", "header"), [("?wait=60", {}), ("", LONG), ("?wait=60", {"Prefer": "wait=1"})])
async def test_generating_answers_with_the_finished_job(rig: Rig, query: str, header: dict[str, str]) -> None:
    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(picture())

    response = await both_of(generate(rig, await collection(rig, price=0.25), query, **header), work())
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=60"
    document = response.json()
    data = document["data"]
    job = await rig.job(UUID(data["jobId"]))
    assert document["error"] is None
    assert (data["status"], data["workflow_output"]) == (
        "completed",
        f"{rig.settings.base_url}/files/generations/a.png",
    )
    assert {name: value for name, value in data.items() if name not in STARTED} == job
    assert (data["jobId"], data["outputIds"]) == (data["id"], data["output_ids"])
    assert data["price"]["charged"] == 0.25


async def test_a_job_that_fails_is_an_answer_too(rig: Rig) -> None:
    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(FAILED)

    data = (await both_of(generate(rig, await collection(rig), **LONG), work())).json()["data"]
    assert (data["status"], data["error_message"]) == ("failed", "the model refused")


@pytest.mark.usefixtures("impatient")
async def test_what_does_not_end_in_time_gets_the_usual_answer(rig: Rig, ends: Ends) -> None:
    response = await generate(rig, await collection(rig), "?wait=60")
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=0.05"
    assert response.json()["data"].keys() == STARTED
    assert (ends.waiting, ends._expected) == (0, {})


@pytest.mark.parametrize("query", ["", "?wait=0"])
async def test_without_a_wait_nothing_is_different(rig: Rig, ends: Ends, query: str) -> None:
    response = await generate(rig, await collection(rig), query)
    assert response.json()["data"].keys() == STARTED
    assert "Preference-Applied" not in response.headers


@pytest.mark.parametrize("wait", ["61", "-1", "soon", "1.5", ""])
async def test_what_is_no_time_to_wait_is_refused(rig: Rig, wait: str) -> None:
    response = await generate(rig, await collection(rig), f"?wait={wait}")
    assert response.status_code == 400
    assert response.json()["error"].startswith("wait: ")
    assert not await rig.rows("SELECT FROM job")


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_long_poll_answers_when_the_job_ends(rig: Rig, ends: Ends, status: str) -> None:
    job_id = await rig.start()

    async def work() -> None:
        await until(lambda: ends._expected)
        await rig.run(picture() if status == "completed" else FAILED)

    path = f"/api/jobs/{job_id}"
    response = await both_of(rig.client.get(path, headers={**as_user(rig.user_id), **LONG}), work())
    assert response.headers["Preference-Applied"] == "wait=60"
    assert response.json()["data"]["status"] == status
    assert response.json()["data"] == await rig.job(job_id)
    at_once = await rig.client.get(path, headers={**as_user(rig.user_id), **LONG})
    assert at_once.json() == response.json()


@pytest.mark.usefixtures("impatient")
async def test_a_long_poll_that_is_over_shows_the_job_as_it_stands(rig: Rig) -> None:
    job_id = await rig.start()
    response = await rig.client.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(rig.user_id))
    assert response.status_code == 200
    assert response.json()["data"] == await rig.job(job_id)
    assert response.json()["data"]["queue"]["position"] == 1


async def test_a_foreign_job_is_not_waited_for(rig: Rig, ends: Ends) -> None:
    job_id = await rig.start()
    response = await rig.client.get(f"/api/jobs/{job_id}?wait=60", headers=as_user(new_id()))
    assert response.status_code == 404
    assert (ends.waiting, ends._expected) == (0, {})


async def test_a_request_that_is_sent_again_waits_again(rig: Rig, ends: Ends) -> None:
    recipe, once = await collection(rig), {"Idempotency-Key": "once"}
    first = await generate(rig, recipe, **once)
    await rig.dispatcher.flush()

    async def work() -> None:
        await until(lambda: ends._expected)
        await rig.run(picture())

    again = await both_of(generate(rig, recipe, **once, **LONG), work())
    last = await generate(rig, recipe, **once, **LONG)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["data"]["status"] == "completed"
    assert again.json()["data"]["jobId"] == first.json()["data"]["jobId"]
    assert last.json() == again.json()
    assert (await generate(rig, recipe, **once)).json() == first.json()


async def test_a_job_that_was_started_before_under_the_same_id_is_waited_for(rig: Rig) -> None:
    recipe, job_id = await collection(rig), str(new_id())
    path, body = f"/api/collections/{recipe}/generate", {"variables": {}, "workflow_id": job_id}
    await rig.client.post(path, json=body, headers=as_user(rig.user_id))
    await rig.dispatcher.flush()
    await rig.run(picture())
    again = await rig.client.post(path, json=body, headers={**as_user(rig.user_id), **LONG})
    assert (again.json()["data"]["id"], again.json()["data"]["status"]) == (job_id, "completed")


async def test_developing_answers_with_the_finished_job(rig: Rig) -> None:
    source, _, recipe = await both(rig)

    async def work() -> None:
        await ticket_is_there(rig)
        await rig.run(picture("film"))

    body = {"collection_id": str(recipe.id), "variables": {}}
    path = f"/outputs/{source}/develop"
    answer = rig.client.post(path, json=body, headers={**as_user(rig.user_id), **LONG})
    response = await both_of(answer, work())
    data = response.json()["data"]
    assert (response.status_code, data["status"]) == (200, "completed")
    assert data["output_ids"] == [data["output_id"]]
    assert data["source_output"]["id"] == str(source)


@pytest.mark.usefixtures("impatient")
async def test_a_development_that_does_not_end_in_time_gets_the_usual_answer(rig: Rig) -> None:
    source, _, recipe = await both(rig)
    body = {"collection_id": str(recipe.id), "variables": {}}
    response = await rig.client.post(f"/outputs/{source}/develop?wait=60", json=body, headers=as_user(rig.user_id))
    assert (response.status_code, response.json()["data"]["status"]) == (202, "pending")
