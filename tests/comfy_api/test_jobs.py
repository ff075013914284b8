"""A submission is a job like any other, shown in the words of Comfy API v2."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.comfy_api.door import GRAPH, MADE, ask, beat, job_of, page_of, refusal, run, submit
from tests.factories.policies import make_policy
from tests.orchestrator.rig import FAILED, Rig

from emprops.credits import service as credit
from emprops.kit.ids import new_id
from emprops.queue.messages import Finished
from emprops.quotas import store as quotas
from emprops.quotas.limits import QuotaLimits, Subject


async def test_a_job_from_submission_to_results(rig: Rig) -> None:
    job = await submit(rig, metadata={"client": "acme"})
    assert (job["status"], job["outputs"], job["progress"], job["started_at"]) == ("queued", [], None, None)
    assert job["metadata"] == {"client": "acme"}
    base = "http://testserver/api/v2/jobs/"
    assert job["urls"] == {
        "self": f"{base}{job['id']}",
        "events": f"{base}{job['id']}/events",
        "cancel": f"{base}{job['id']}/cancel",
    }
    await rig.dispatcher.flush()
    assert (await job_of(rig, job["id"]))["queue_position"] == 1
    claim = await rig.worker.claim_one()
    assert claim.ticket.job_type == "comfyui"
    assert claim.ticket.payload == {"workflow": GRAPH, "texts": "files"}
    await rig.settle()
    running = await job_of(rig, job["id"])
    assert (running["status"], running["queue_position"]) == ("running", None)
    assert running["progress"] == {"value": 0.0, "nodes_done": 0, "nodes_total": 2}
    assert await rig.worker.finish(claim, MADE)
    await rig.settle()
    done = await job_of(rig, job["id"])
    assert (done["status"], done["error"], done["progress"]["value"]) == ("succeeded", None, 1.0)
    assert done["created_at"] <= done["started_at"] <= done["completed_at"] < done["expires_at"]
    assert all(value >= 0 for value in done["metrics"].values())
    shown = [(o["node_id"], o["name"], o["type"], o["content_type"], o["size_bytes"]) for o in done["outputs"]]
    assert shown == [
        ("9", "fox_00001_.png", "image", "image/png", 3),
        ("9", "fox.webm", "video", "video/webm", 5),
        ("4", "said.txt", "text", "text/plain", 4),
    ]


async def test_a_job_says_until_when_its_results_are_there(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        await quotas.put(tx, Subject("user", rig.user_id), QuotaLimits(), result_days=7, by="the test")
    job = await submit(rig)
    await run(rig)
    done = await job_of(rig, job["id"])
    (row, *_) = await rig.rows("SELECT min(expires_at) AS first FROM output WHERE job_id = %s", UUID(job["id"]))
    assert datetime.fromisoformat(done["expires_at"]) == row["first"]
    result = (await ask(rig, "GET", f"/assets/{done['outputs'][0]['id']}")).json()
    assert datetime.fromisoformat(result["expires_at"]) == row["first"]


async def test_it_is_a_job_of_ours_with_outputs_in_a_deck(rig: Rig) -> None:
    job = await submit(rig)
    await run(rig)
    ours = await rig.job(UUID(job["id"]))
    assert (ours["name"], ours["job_type"], ours["status"]) == ("Comfy API", "comfy_api", "completed")
    user = as_user(rig.user_id)
    (deck,) = (await rig.client.get("/decks", headers=user)).json()["data"]
    assert (deck["name"], deck["output_count"]) == ("Comfy API", 3)
    done = await job_of(rig, job["id"])
    for output in done["outputs"]:
        seen = await rig.client.get(f"/outputs/{output['id']}", headers=user)
        assert seen.json()["data"]["job_id"] == job["id"]
    assert await rig.history(UUID(job["id"])) == [
        "Job created",
        "Node Comfy API started",
        "Node Comfy API completed",
        "Generation completed",
    ]
    found = await rig.client.get(f"/api/jobs/{job['id']}/forensics", headers=user)
    assert found.status_code == 200
    await submit(rig)
    (collection,) = (await rig.client.get("/api/collections", headers=user)).json()["data"]
    assert (collection["title"], collection["status"]) == ("Comfy API", "draft")
    path = f"/api/collections/{collection['id']}/generate"
    refused = await rig.client.post(path, json={"variables": {"workflow": GRAPH}}, headers=user)
    assert refused.json()["code"] == "COLLECTION_CORRUPTED", "nothing else runs what comes through the door"


async def test_a_failed_job_says_which_node_it_was(rig: Rig) -> None:
    job = await submit(rig)
    details = {"code": "node_error", "node_id": "1", "class_type": "EmptyImage", "exception_type": "ValueError"}
    await run(rig, Finished(failure="final", error="Node 1 (EmptyImage) failed: too small.", details=details))
    failed = await job_of(rig, job["id"])
    assert (failed["status"], failed["outputs"]) == ("failed", [])
    assert failed["error"] == {
        "code": "node_execution_error",
        "message": "Node 1 (EmptyImage) failed: too small.",
        "node_id": "1",
        "class_type": "EmptyImage",
        "traceback": None,
    }


async def test_a_failed_job_can_be_tried_again_by_our_own_api(rig: Rig) -> None:
    job = await submit(rig)
    await run(rig, FAILED)
    assert (await job_of(rig, job["id"]))["error"]["code"] == "execution_failed"
    await rig.ok(UUID(job["id"]), "retry")
    assert (await job_of(rig, job["id"]))["status"] == "queued"
    await run(rig)
    assert len((await job_of(rig, job["id"]))["outputs"]) == 3


async def test_a_cancelled_job_ends_canceled(rig: Rig) -> None:
    waiting, running = await submit(rig), None
    reply = await ask(rig, "POST", f"/jobs/{waiting['id']}/cancel")
    assert (reply.status_code, reply.json()["status"], reply.json()["error"]) == (200, "canceled", None)
    running = await submit(rig)
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    await rig.settle()
    assert (await ask(rig, "POST", f"/jobs/{running['id']}/cancel")).json()["status"] == "canceled"
    await rig.dispatcher.flush()
    assert not await rig.worker.finish(claim, MADE), "the worker's result comes too late"
    await rig.settle()
    seen = await job_of(rig, running["id"])
    assert (seen["status"], seen["outputs"]) == ("canceled", [])
    assert seen["completed_at"] is not None
    again = await ask(rig, "POST", f"/jobs/{running['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


async def test_cancelling_what_has_ended_changes_nothing(rig: Rig) -> None:
    job = await submit(rig)
    await run(rig)
    reply = await ask(rig, "POST", f"/jobs/{job['id']}/cancel")
    assert (reply.status_code, reply.json()["status"]) == (200, "succeeded")


async def test_the_workflow_comes_back_as_it_was_sent(rig: Rig) -> None:
    job = await submit(rig)
    reply = await ask(rig, "GET", f"/jobs/{job['id']}/workflow")
    assert reply.json() == {"workflow": GRAPH, "format": "api"}


@pytest.mark.parametrize("part", ["", "/workflow", "/events"])
async def test_somebody_elses_job_looks_unknown(rig: Rig, part: str) -> None:
    job = await submit(rig)
    own, rig.user_id = rig.user_id, new_id()
    foreign = refusal(await ask(rig, "GET", f"/jobs/{job['id']}{part}"), 404, "not_found")
    assert foreign == refusal(await ask(rig, "GET", f"/jobs/{new_id()}{part}"), 404, "not_found")
    assert foreign == refusal(await ask(rig, "GET", f"/jobs/nonsense{part}"), 404, "not_found")
    refusal(await ask(rig, "POST", f"/jobs/{job['id']}/cancel"), 404, "not_found")
    rig.user_id = own
    assert (await job_of(rig, job["id"]))["status"] == "queued"


async def test_jobs_of_collections_are_no_jobs_of_this_api(rig: Rig) -> None:
    own = await rig.start()
    refusal(await ask(rig, "GET", f"/jobs/{own}"), 404, "not_found")
    assert (await page_of(rig))["jobs"] == []


async def test_lists_go_back_in_time_page_by_page(rig: Rig) -> None:
    jobs = [(await submit(rig, metadata={"n": str(n), "odd": str(n % 2)}))["id"] for n in range(5)]
    await ask(rig, "POST", f"/jobs/{jobs[2]}/cancel")
    seen: list[str] = []
    query = "?limit=2"
    while True:
        page = await page_of(rig, query)
        seen += [job["id"] for job in page["jobs"]]
        if "next_cursor" not in page:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == jobs[::-1]
    odd = await page_of(rig, "?metadata%5Bodd%5D=1")
    assert [job["id"] for job in odd["jobs"]] == [jobs[3], jobs[1]]
    both = await page_of(rig, "?metadata[odd]=1&metadata[n]=3")
    assert [job["id"] for job in both["jobs"]] == [jobs[3]]
    assert (await page_of(rig, "?metadata[none]=1"))["jobs"] == []
    assert [job["id"] for job in (await page_of(rig, "?status=canceled"))["jobs"]] == [jobs[2]]
    assert len((await page_of(rig, "?status=queued"))["jobs"]) == 4
    assert (await page_of(rig, "?status=expired"))["jobs"] == []


async def test_credits_are_held_and_spent_by_the_policy(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    poor_settings = rig.settings.model_copy(update={"credits_initial": Decimal(0)})
    monkeypatch.setattr(rig.app.state, "resources", replace(rig.app.state.resources, settings=poor_settings))
    async with rig.database.transaction() as tx:
        await make_policy(tx, "comfyui", floor=250_000)
    poor = refusal(await ask(rig, "POST", "/jobs", {"workflow": GRAPH}), 402, "insufficient_credits")
    assert poor["details"] == {"needed": 0.25, "available": 0}
    assert await rig.rows("SELECT FROM job") == []
    async with rig.database.transaction() as tx:
        await credit.grant(tx, rig.user_id, 1_000_000, reason="a gift", terms=credit.terms_from(poor_settings))
    job = await submit(rig)
    assert (await rig.job(UUID(job["id"])))["price"]["price"] == 0.25
    await run(rig)
    assert await rig.entries(UUID(job["id"])) == ["hold", "capture"]
    gone = await submit(rig)
    await ask(rig, "POST", f"/jobs/{gone['id']}/cancel")
    assert await rig.entries(UUID(gone["id"])) == ["hold", "release"]


async def test_a_key_goes_with_the_job_and_is_stored_nowhere(rig: Rig) -> None:
    secret = "comfyui-3f9a1c77"
    job = await submit(rig, extra_data={"api_key_comfy_org": secret})
    tables = await rig.rows("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")
    for table in tables:
        found = await rig.rows(f'SELECT FROM "{table["name"]}" t WHERE t::text LIKE %s', f"%{secret}%")
        assert found == [], table["name"]
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    assert claim.ticket.payload["extra_data"] == {"api_key_comfy_org": secret}
    for path in (f"/api/jobs/{job['id']}", f"/api/jobs/{job['id']}/forensics", f"/api/v2/jobs/{job['id']}/workflow"):
        assert secret not in (await rig.client.get(path, headers=as_user(rig.user_id))).text
    kept = [key async for key in rig.redis.scan_iter(_type="hash") if secret in str(await rig.redis.hgetall(key))]
    assert kept == [], "tickets of dead letters stay for weeks"
    assert 0 < await rig.redis.ttl(f"{rig.settings.queue_prefix}extra:{job['id']}") <= 86_400
    assert await rig.worker.finish(claim, FAILED)
    await rig.settle()
    await rig.ok(UUID(job["id"]), "retry")
    await rig.dispatcher.flush()
    again = await rig.worker.claim_one()
    assert again.ticket.payload["extra_data"] == {"api_key_comfy_org": secret}, "the next attempt has it too"


async def test_a_lost_key_is_said_to_be_lost(rig: Rig) -> None:
    await submit(rig, extra_data={"api_key_comfy_org": "comfyui-3f9a1c77"})
    await rig.redis.flushall()
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    assert claim.ticket.payload["extra_data"] is True, "the worker says that it is lost"


async def test_a_running_job_says_what_it_is_at(rig: Rig) -> None:
    job = await submit(rig)
    await rig.dispatcher.flush()
    claim = await rig.worker.claim_one()
    await beat(rig, claim, 20.0)
    progress = (await job_of(rig, job["id"]))["progress"]
    assert (progress["value"], progress["nodes_done"]) == (0.2, 0)
    assert (progress["current_node"], progress["step"], progress["message"]) == ("9", 3, "SaveImage 3/5")
    assert await rig.worker.finish(claim, MADE)
    await rig.settle()
    assert (await job_of(rig, job["id"]))["progress"] == {"value": 1.0, "nodes_done": 2, "nodes_total": 2}
