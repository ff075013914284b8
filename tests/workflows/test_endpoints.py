"""Workflows over HTTP: made, read and listed."""

from typing import Any

import pytest
from tests.workflows.graphs import TEXT_TO_IMAGE, UPSCALER
from tests.workflows.rig import DATA, DIRECT, FETCH, Workflows, add_to_catalog, body

from emprops.kit.database import Database


@pytest.mark.parametrize("kind", DATA)
async def test_every_type_can_be_made_and_read_by_anybody(workflows: Workflows, kind: str) -> None:
    made = await workflows.create(name=f"my_{kind}", type=kind, data=DATA[kind])
    response = await workflows.client.get(f"/workflows/my_{kind}")
    assert response.status_code == 200
    data = response.json()["data"]
    assert {"id", "name", "label", "type", "description", "data", "models", "custom_nodes"} <= set(data)
    assert (data["name"], data["type"], data["label"]) == (f"my_{kind}", kind, "Text to image")
    assert data == {key: made[key] for key in data}
    assert "user_id" not in data, "in local mode that is all it takes to be somebody"
    assert data["data"] == DATA[kind] or kind == "comfy_workflow"


async def test_a_bare_graph_becomes_a_workflow_with_a_form(workflows: Workflows, database: Database) -> None:
    await add_to_catalog(database, models=(UPSCALER, "detail.safetensors"))
    request = body(data=TEXT_TO_IMAGE)
    del request["type"]  # the default
    response = await workflows.send("POST", "", request)
    assert response.status_code == 201, response.text
    made = response.json()["data"]
    assert made["type"] == "comfy_workflow"
    assert made["data"]["workflow"] == TEXT_TO_IMAGE
    assert [field["id"] for field in made["data"]["form"]["fields"]][:2] == ["prompt", "negative_prompt"]
    assert made["data"]["inputs"]["6"]["text"] == {"value": "prompt", "is_required": False}
    assert made["models"] == sorted([UPSCALER, "detail.safetensors"]), "what the catalog has is required of workers"
    analysis = made["analysis"]
    assert analysis["node_classes"] == sorted({node["class_type"] for node in TEXT_TO_IMAGE.values()})
    assert analysis["unknown_models"] == ["SDXL/sd_xl_base_1.0.safetensors"]
    assert {"field": "seed", "type": "number", "targets": ["3.seed"]} in analysis["inputs"]


async def test_a_model_in_a_folder_is_known_by_its_file_name(workflows: Workflows, database: Database) -> None:
    await add_to_catalog(database, models=("sd_xl_base_1.0.safetensors",))
    made = await workflows.create(type="comfy_workflow", data=TEXT_TO_IMAGE)
    assert made["models"] == ["sd_xl_base_1.0.safetensors"]
    assert made["analysis"]["unknown_models"] == ["detail.safetensors", UPSCALER]


async def test_named_models_and_nodes_are_linked_and_must_exist(workflows: Workflows, database: Database) -> None:
    await add_to_catalog(database, models=("a.safetensors", UPSCALER), nodes=("KJNodes",))
    request = body(models=["a.safetensors", "b.ckpt"], custom_nodes=["KJNodes", "Nope"])
    refused = await workflows.send("POST", "", request)
    assert refused.status_code == 400
    assert (
        refused.json()["error"] == "There is no model named b.ckpt; there is no custom node named Nope; add it first."
    )
    assert refused.json()["details"] == {"models": ["b.ckpt"], "custom_nodes": ["Nope"]}
    assert (await workflows.send("GET", "/txt2img")).status_code == 404
    made = await workflows.create(
        type="comfy_workflow", data=TEXT_TO_IMAGE, models=["a.safetensors"], custom_nodes=["KJNodes", "KJNodes"]
    )
    assert (made["models"], made["custom_nodes"]) == (["a.safetensors"], ["KJNodes"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": {}}, "job must be an object"),
        ({"data": None}, "data must be an object"),
        ({"type": "comfy_workflow", "data": {"workflow": {"1": {}}}}, "export the graph in API form"),
        ({"type": "fetch_api", "data": FETCH | {"api": {"url": "https://{{HOST}}/x"}}}, "needs a plain host"),
        ({"data": DIRECT | {"credits": "free"}}, "credits must be a number"),
        ({"data": DIRECT | {"job": {"service_required": "comfyui"}}}, "must not be comfyui"),
    ],
)
async def test_what_cannot_be_planned_is_refused_with_every_problem(
    workflows: Workflows, change: dict[str, Any], says: str
) -> None:
    response = await workflows.send("POST", "", body(**change))
    assert response.status_code == 400
    failure = response.json()
    assert failure["code"] == "invalid_workflow"
    assert says in "; ".join(failure["details"]["problems"])
    assert failure["details"]["problems"][0] in failure["error"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "create-simple-collection"}, "name"),
        ({"type": "magic"}, "type"),
        ({"output_mime_type": "picture"}, "output_mime_type"),
        ({"order": 2**40}, "order"),
        ({"models": "a"}, "models"),
    ],
)
async def test_fields_outside_their_values(workflows: Workflows, change: dict[str, Any], field: str) -> None:
    response = await workflows.send("POST", "", body(**change))
    assert response.status_code == 400
    assert response.json()["details"][0]["field"].startswith(field)


async def test_a_name_is_taken_once_and_a_repeated_request_is_done_once(workflows: Workflows) -> None:
    workflows.headers["Idempotency-Key"] = "first"
    first = await workflows.send("POST", "", body())
    again = await workflows.send("POST", "", body())
    assert again.json() == first.json()
    workflows.headers["Idempotency-Key"] = "second"
    taken = await workflows.send("POST", "", body())
    assert taken.status_code == 409
    assert taken.json()["error"] == "There is a workflow named txt2img already."


class TestList:
    async def names(self, workflows: Workflows, query: str = "") -> list[str]:
        response = await workflows.client.get(f"/api/workflows{query}")
        assert response.status_code == 200, response.text
        return [item["name"] for item in response.json()["data"] if item["name"] != "flexible_prompt"]

    async def test_is_in_order_and_in_pages(self, workflows: Workflows) -> None:
        for name, order in (("b", 0), ("a", 0), ("first", -1)):
            await workflows.create(name=name, order=order)
        assert await self.names(workflows) == ["first", "a", "b"]
        assert await self.names(workflows, "?limit=1&offset=1") == ["a"]
        assert await self.names(workflows, "?page=2&size=2") == ["b"]
        assert (await workflows.client.get("/api/workflows?limit=0")).status_code == 400

    @pytest.mark.parametrize(
        ("value", "included"), [("eq.true", True), ("true", True), ("1", True), ("eq.false", False)]
    )
    async def test_data_only_when_asked_for(self, workflows: Workflows, value: str, included: bool) -> None:
        await workflows.create()
        spec = {"id", "name", "label", "type", "description", "created_at"}
        response = await workflows.client.get(f"/api/workflows?include={value}")
        (item,) = (item for item in response.json()["data"] if item["name"] == "txt2img")
        assert set(item) == (spec | {"data"} if included else spec)
        assert response.json()["error"] is None
        if included:
            assert item["data"] == DIRECT

    async def test_nonsense_in_a_flag_is_refused(self, workflows: Workflows) -> None:
        response = await workflows.client.get("/api/workflows?include=eq.maybe")
        assert response.status_code == 400
        assert response.json()["details"][0]["field"] == "include"

    async def test_those_that_require_api_keys(self, workflows: Workflows) -> None:
        plain = FETCH | {"api": FETCH["api"] | {"headers": {"X-Team": "{{TEAM}}"}}}
        await workflows.create(name="with_key", type="fetch_api", data=FETCH)
        await workflows.create(name="with_team", type="fetch_api", data=plain)
        await workflows.create(name="says_so", data=DIRECT | {"requires_api_keys": True})
        await workflows.create(name="without")
        assert await self.names(workflows, "?require_api_keys=true") == ["says_so", "with_key"]
        assert len(await self.names(workflows)) == 4

    async def test_those_not_meant_for_display(self, workflows: Workflows) -> None:
        await workflows.create(name="shown")
        await workflows.create(name="kept_back", display=False)
        assert await self.names(workflows) == ["shown"]
        assert await self.names(workflows, "?display=false") == ["kept_back"]
        assert await self.names(workflows, "?display=all") == ["kept_back", "shown"]
