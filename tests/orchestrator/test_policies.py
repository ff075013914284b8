"""Policies of job types hold where jobs start, and where their steps get their inputs."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.factories import Collection, make_collection, make_noop_workflow, make_policy, make_user
from tests.orchestrator.rig import FAILED, Rig, make_recipe, picture

from emprops.kit.ids import new_id
from emprops.queue.messages import Finished

FORM = {
    "fields": [
        {"id": "prompt", "type": "prompt_editor"},
        {"id": "model", "type": "text"},
        {"id": "width", "type": "number"},
        {"id": "height", "type": "number"},
        {"id": "size", "type": "text"},
    ]
}


async def policy(rig: Rig, job_type: str = "noop", host: str = "", **limits: Any) -> None:
    async with rig.database.transaction() as tx:
        await make_policy(tx, job_type, host, **limits)


async def recipe(rig: Rig, *steps: dict[str, Any], price: Any = 0, owner: UUID | None = None) -> Collection:
    """A public collection with these payloads for a workflow with :data:`FORM`."""
    async with rig.database.transaction() as tx:
        name = await make_noop_workflow(tx, FORM, price=price)
        if owner is not None:
            await make_user(tx, owner)
            await tx.execute("UPDATE workflow SET user_id = %s WHERE name = %s", (owner, name))
        planned = [{"id": n, "nodeName": name, "alias": f"step {n}", "nodePayload": p} for n, p in enumerate(steps, 1)]
        variables = [
            {"name": "model", "type": "text", "test_value": "a"},
            {"name": "width", "type": "any", "value": 64},
        ]
        data = {"version": "v2", "steps": planned, "variables": variables}
        return await make_collection(tx, data=data, is_public=True)


async def generate(rig: Rig, collection: Collection, **variables: Any) -> httpx2.Response:
    path = f"/api/collections/{collection.id}/generate"
    reply = await rig.client.post(path, json={"variables": variables}, headers=as_user(rig.user_id))
    await rig.dispatcher.flush()
    return reply


async def price_of(rig: Rig, collection: Collection) -> dict[str, Any]:
    reply = await rig.client.post(f"/collections/{collection.id}/price", json={}, headers=as_user(rig.user_id))
    assert reply.status_code == 200, reply.text
    return dict(reply.json()["data"])


async def account(rig: Rig) -> dict[str, Any]:
    shown = (await rig.client.get("/credits", headers=as_user(rig.user_id))).json()["data"]
    return {name: shown[name] for name in ("balance", "held", "available")}


async def no_jobs(rig: Rig) -> bool:
    return not await rig.rows("SELECT FROM job") and not await rig.rows("SELECT FROM credit_entry WHERE kind = 'hold'")


class TestFloor:
    @pytest.mark.parametrize("price", [0, None, {"cost": 0}, {"by": "model", "values": {"a": 0}, "default": 0}])
    async def test_a_step_costs_it_whatever_its_workflow_says(self, rig: Rig, price: Any) -> None:
        await policy(rig, floor=250_000)
        collection = await recipe(rig, {"prompt": "x", "model": "a"}, {"prompt": "y"}, price=price)
        said = await price_of(rig, collection)
        assert (said["price"], [step["price"] for step in said["steps"]]) == (0.5, [0.25, 0.25])
        assert (await generate(rig, collection)).status_code == 200
        assert (await account(rig))["held"] == 0.5
        await rig.run(picture("a"))
        await rig.run(picture("b"))
        assert await account(rig) == {"balance": 999.5, "held": 0, "available": 999.5}

    async def test_a_price_by_usage_is_settled_to_it_at_least(self, rig: Rig) -> None:
        await policy(rig, floor=250_000)
        usage = {"per": "total_tokens", "rate": 0.001, "minimum": 0, "most": 0.1}
        collection = await recipe(rig, {"prompt": "x"}, price=usage)
        said = await price_of(rig, collection)
        assert (said["price"], said["least"]) == (0.25, 0.25)
        assert (await generate(rig, collection)).status_code == 200
        await rig.run(replace(picture("a"), data={"usage": {"total_tokens": 1}}))
        assert (await account(rig))["balance"] == 999.75
        await rig.execute("UPDATE workflow SET data = jsonb_set(data, '{credits,most}', '1')")
        assert (await generate(rig, collection)).status_code == 200
        assert (await account(rig))["held"] == 1
        await rig.run(replace(picture("b"), data={"usage": {"total_tokens": 1}}))
        assert (await account(rig))["balance"] == 999.5

    async def test_a_higher_price_stays(self, rig: Rig) -> None:
        await policy(rig, floor=250_000)
        assert (await price_of(rig, await recipe(rig, {"prompt": "x"}, price=2)))["price"] == 2

    async def test_who_cannot_pay_it_generates_nothing(self, rig: Rig) -> None:
        await policy(rig, floor=2000_000_000)
        reply = await generate(rig, await recipe(rig, {"prompt": "x"}))
        assert (reply.status_code, reply.json()["needed"]) == (402, 2000)
        assert await no_jobs(rig)

    async def test_it_is_that_of_the_host(self, rig: Rig) -> None:
        await policy(rig, "fetch_api", floor=3_000_000)
        await policy(rig, "fetch_api", "api.example.com", floor=1_000_000)
        for host, price in (("api.example.com", 1), ("other.example.com", 3)):
            assert (await price_of(rig, await fetching(rig, f"https://{host}/v1")))["price"] == price


async def fetching(rig: Rig, url: str) -> Collection:
    name = f"fetch-{new_id()}"
    data = {"form": {"fields": []}, "inputs": [], "api": {"url": url, "fetchType": "wait", "wait": {}}, "body": {}}
    async with rig.database.transaction() as tx:
        await tx.execute(
            "INSERT INTO workflow (id, name, label, type, data, output_mime_type)"
            " VALUES (%s, %s, '', 'fetch_api', %s, 'image/png')",
            (new_id(), name, Jsonb(data)),
        )
        steps = [{"id": 1, "nodeName": name, "nodePayload": {}}]
        return await make_collection(tx, data={"version": "v2", "steps": steps}, is_public=True)


class TestBuilders:
    async def test_an_owner_who_may_no_longer_build_generates_nothing_for_anybody(self, rig: Rig) -> None:
        owner = new_id()
        collection = await recipe(rig, {"prompt": "x"}, price=1, owner=owner)
        await policy(rig, builders="authors", authors=[owner])
        assert (await generate(rig, collection)).status_code == 200
        await policy(rig, builders="authors", authors=[new_id()])
        reply = await generate(rig, collection)
        assert (reply.status_code, reply.json()["code"]) == (403, "may_not_build")
        assert "step 1 cannot be run: its owner may not, or no longer, build on noop." in reply.json()["error"]
        assert reply.json()["details"] == {"step": "step 1", "job_type": "noop", "host": None}
        assert len(await rig.rows("SELECT FROM job")) == 1
        assert (await account(rig))["held"] == 1

    async def test_what_a_service_built_goes_on(self, rig: Rig) -> None:
        await policy(rig, builders="services")
        assert (await generate(rig, await recipe(rig, {"prompt": "x"}))).status_code == 200

    async def test_where_a_field_chooses_the_job_type_the_collection_built_on_it(self, rig: Rig) -> None:
        maker = new_id()
        steps = [{"id": 1, "nodeName": "flexible_prompt", "nodePayload": {"job_type": "noop", "payload": {"a": 1}}}]
        async with rig.database.transaction() as tx:
            data = {"version": "v2", "steps": steps}
            collection = await make_collection(tx, maker, data=data, is_public=True)
        assert (await generate(rig, collection)).status_code == 200
        await policy(rig, builders="services")
        assert (await generate(rig, collection)).status_code == 403
        await policy(rig, builders="authors", authors=[maker])
        assert (await generate(rig, collection)).status_code == 200

    async def test_a_retry_asks_again(self, rig: Rig) -> None:
        owner = new_id()
        reply = await generate(rig, await recipe(rig, {"prompt": "x"}, {"prompt": "y"}, owner=owner))
        job_id = UUID(reply.json()["data"]["jobId"])
        await rig.run(picture("a"))
        await rig.run(FAILED)
        await policy(rig, builders="services")
        refused = await rig.post(job_id, "retry")
        assert (refused.status_code, refused.json()["code"]) == (403, "may_not_build")
        assert [step["builders"] for step in await rig.steps(job_id)] == [[owner]] * 2
        await policy(rig, builders="authors", authors=[owner])
        await rig.ok(job_id, "retry")
        await rig.dispatcher.flush()
        await rig.run(FAILED)
        await policy(rig, builders="services")
        assert (await rig.post(job_id, "retry")).status_code == 403


class TestLimits:
    async def test_a_variable_that_asks_for_too_much_is_refused_before_anything_costs(self, rig: Rig) -> None:
        await policy(rig, models=["a"], max_pixels=512 * 512)
        collection = await recipe(rig, {"model": "{{model}}", "width": "{{width}}", "height": 512}, price=1)
        assert (await generate(rig, collection, width=512)).status_code == 200
        large = await generate(rig, collection, width=513)
        assert (large.status_code, large.json()["code"]) == (400, "policy_limit")
        assert large.json()["error"].startswith("step 1 asks for 262,656 pixels; noop allows 262,144 at most.")
        other = await generate(rig, collection, model="b", width=64)
        assert other.json()["error"] == "step 1 uses b; allowed for noop: a."
        assert len(await rig.rows("SELECT FROM job")) == 1

    async def test_so_are_models_that_a_workflow_requires(self, rig: Rig) -> None:
        await policy(rig, models=["a.safetensors"])
        collection = await recipe(rig, {"prompt": "x"})
        assert (await generate(rig, collection)).status_code == 200
        await rig.execute("INSERT INTO model (id, name) VALUES (%s, 'b.safetensors')", new_id())
        await rig.execute(
            "INSERT INTO workflow_model (workflow_id, model_id)"
            " SELECT w.id, m.id FROM workflow w, model m WHERE w.name LIKE 'noop%%'"
        )
        assert (await generate(rig, collection)).json()["error"] == (
            "step 1 uses b.safetensors; allowed for noop: a.safetensors."
        )

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("512x512", None),
            ("4096x4096", "step 2 was not started: step 2 asks for 16,777,216 pixels; noop allows 1,048,576 at most."),
        ],
    )
    async def test_what_a_step_writes_is_checked_when_another_takes_it(
        self, rig: Rig, text: str, says: str | None
    ) -> None:
        await policy(rig, max_pixels=1_048_576)
        collection = await recipe(rig, {"prompt": "x"}, {"size": {"$ref": 1}}, price=1)
        await rig.execute("UPDATE workflow SET output_mime_type = 'text/plain' WHERE name LIKE 'noop%%'")
        reply = await generate(rig, collection)
        job_id = UUID(reply.json()["data"]["jobId"])
        await rig.run(Finished(data={"text": text}))
        job = await rig.job(job_id)
        if says is None:
            assert job["status"] == "processing"
            return
        assert job["status"] == "failed"
        assert job["error_message"].startswith(says)
        assert await rig.worker.claim() == []
        assert await account(rig) == {"balance": 1000, "held": 0, "available": 1000}

    async def test_a_retry_keeps_to_what_is_allowed_by_now(self, rig: Rig) -> None:
        collection = await recipe(rig, {"width": 1024, "height": 1024})
        job_id = UUID((await generate(rig, collection)).json()["data"]["jobId"])
        await rig.run(FAILED)
        await policy(rig, max_pixels=512 * 512)
        assert "noop allows 262,144 at most" in await rig.refused(job_id, "retry")
        await policy(rig)
        await rig.ok(job_id, "retry")

    async def test_without_policies_everything_is_allowed(self, rig: Rig) -> None:
        collection = await recipe(rig, {"width": 100_000, "height": 100_000, "model": "any"})
        assert (await generate(rig, collection)).status_code == 200
        async with rig.database.transaction() as tx:
            other = await make_recipe(tx)
        assert (await price_of(rig, other))["price"] == 0
