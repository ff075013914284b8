"""Workflows over HTTP."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.apps import as_user
from tests.factories import make_collection, make_user
from tests.workflows.graphs import TEXT_TO_IMAGE, UPSCALER

from emprops.kit.database import Database
from emprops.kit.ids import new_id

DIRECT: dict[str, Any] = {
    "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
    "inputs": [{"id": "prompt", "pathJq": ".payload.prompt"}],
    "job": {"service_required": "local_image", "payload": {}},
}
FETCH: dict[str, Any] = {
    "form": {"fields": [{"id": "prompt", "type": "prompt_editor"}]},
    "inputs": [{"id": "prompt", "pathJq": ".promptText", "is_required": True}],
    "api": {
        "url": "https://api.example.com/v1/image_to_video",
        "method": "POST",
        "headers": {"Authorization": "Bearer {{SOME_API_KEY}}"},
        "successResponseCode": 200,
        "fetchType": "wait",
        "wait": {"outputExprJq": ".output[0]"},
    },
    "body": {"model": "gen4"},
}
DYNAMIC: dict[str, Any] = {
    "template": {"prompt": "{{thing}}"},
    "variable_types": {"thing": "text"},
    "job_type": "stability_api",
}
DATA = {
    "basic": {"form": DIRECT["form"]},
    "comfy_workflow": TEXT_TO_IMAGE,
    "fetch_api": FETCH,
    "direct_job": DIRECT,
    "dynamic_json": DYNAMIC,
}


def body(name: str = "txt2img", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": "Text to image",
        "description": "A picture from a text",
        "data": DIRECT,
        "output_mime_type": "image/png",
        "type": "direct_job",
    } | more


class Workflows:
    """The endpoints, as one user."""

    def __init__(self, client: httpx2.AsyncClient, user_id: UUID | None = None) -> None:
        self.client = client
        self.user_id = user_id or new_id()
        self.headers = as_user(self.user_id)

    async def send(self, method: str, path: str, json: Any = None) -> httpx2.Response:
        return await self.client.request(method, f"/api/workflows{path}", json=json, headers=self.headers)

    async def create(self, **more: Any) -> dict[str, Any]:
        response = await self.send("POST", "", body(**more))
        assert response.status_code == 201, response.text
        data: dict[str, Any] = response.json()["data"]
        return data


@pytest.fixture
def workflows(client: httpx2.AsyncClient) -> Workflows:
    return Workflows(client)


async def add_to_catalog(database: Database, *, models: tuple[str, ...] = (), nodes: tuple[str, ...] = ()) -> None:
    async with database.transaction() as tx:
        for table, names in (("model", models), ("custom_node", nodes)):
            for name in names:
                await tx.execute(f"INSERT INTO {table} (id, name) VALUES (%s, %s)", (new_id(), name))


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


class TestChange:
    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    async def test_what_is_sent_changes_and_the_rest_stays(
        self, workflows: Workflows, database: Database, method: str
    ) -> None:
        await add_to_catalog(database, models=("a.ckpt", "b.ckpt"))
        made = await workflows.create(models=["a.ckpt"], order=3)
        response = await workflows.send(method, "/txt2img", {"label": "New", "display": False})
        assert response.status_code == 200, response.text
        changed = response.json()["data"]
        assert changed["updated_at"] > made["updated_at"]
        assert changed == made | {"label": "New", "display": False, "updated_at": changed["updated_at"]}
        changed = (await workflows.send(method, "/txt2img", {"models": ["b.ckpt"], "data": DYNAMIC,
                                                             "type": "dynamic_json"})).json()["data"]  # fmt: skip
        assert (changed["models"], changed["type"], changed["data"]) == (["b.ckpt"], "dynamic_json", DYNAMIC)
        assert (await workflows.send(method, "/txt2img", {"models": []})).json()["data"]["models"] == []

    @pytest.mark.parametrize("kind", DATA)
    async def test_a_price_is_set_and_taken_away_without_the_data(self, workflows: Workflows, kind: str) -> None:
        made = await workflows.create(type=kind, data=DATA[kind], credits=0.25)
        assert made["data"]["credits"] == made["credits"] == 0.25
        unpriced = {name: value for name, value in made["data"].items() if name != "credits"}
        table = {"by": "prompt", "values": {"fox": 1}, "default": 2}
        changed = (await workflows.send("PATCH", "/txt2img", {"credits": table})).json()["data"]
        assert (changed["data"], changed["credits"]) == (unpriced | {"credits": table}, table)
        assert (await workflows.client.get("/api/workflows/txt2img")).json()["data"]["credits"] == table
        free = (await workflows.send("PUT", "/txt2img", {"credits": None})).json()["data"]
        assert (free["data"], free["credits"]) == (unpriced, None)

    async def test_new_data_without_a_price_keep_the_price(self, workflows: Workflows) -> None:
        await workflows.create(data=DIRECT | {"credits": 2})
        job = {"service_required": "local_image", "payload": {"width": 64}}
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"job": job}})).json()["data"]
        assert (changed["data"]["job"], changed["credits"]) == (job, 2)
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": 3}})).json()["data"]
        assert changed["credits"] == 3
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": 3}, "credits": 4})).json()
        assert changed["data"]["credits"] == 4, "what stands by itself counts"
        changed = (await workflows.send("PATCH", "/txt2img", {"data": DIRECT | {"credits": None}})).json()["data"]
        assert changed["credits"] is None

    async def test_a_wrong_price_is_refused(self, workflows: Workflows) -> None:
        await workflows.create(credits=1)
        refused = await workflows.send("PATCH", "/txt2img", {"credits": "cheap"})
        assert (refused.status_code, "credits must be a number" in refused.json()["error"]) == (400, True)
        refused = await workflows.send("POST", "", body("other", credits=-1))
        assert (refused.status_code, "credits must be a number" in refused.json()["error"]) == (400, True)

    async def test_one_that_nothing_uses_gets_another_name(self, workflows: Workflows, database: Database) -> None:
        made = await workflows.create()
        await workflows.create(name="taken")
        taken = await workflows.send("PATCH", "/txt2img", {"name": "taken"})
        assert (taken.status_code, taken.json()["error"]) == (409, "There is a workflow named taken already.")
        assert (await workflows.send("PATCH", "/txt2img", {"name": "a/b"})).status_code == 400
        same = await workflows.send("PATCH", "/txt2img", {"name": "txt2img", "label": "Same"})
        assert (same.status_code, same.json()["data"]["label"]) == (200, "Same")
        changed = await workflows.send("PATCH", "/txt2img", {"name": "picture"})
        assert (changed.json()["data"]["id"], changed.json()["data"]["name"]) == (made["id"], "picture")
        assert (await workflows.send("GET", "/txt2img")).status_code == 404
        recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": "picture", "nodePayload": {}}]}
        async with database.transaction() as tx:
            await make_collection(tx, workflows.user_id, title="Mine", data=recipe)
        used = await workflows.send("PATCH", "/picture", {"name": "txt2img"})
        assert (used.status_code, used.json()["details"]["collections"][0]["title"]) == (409, "Mine")

    async def test_a_change_must_leave_it_usable(self, workflows: Workflows) -> None:
        made = await workflows.create()
        for wrong in ({"type": "comfy_workflow"}, {"data": {"job": 1}}, {"models": ["no.ckpt"]}, {"label": "x" * 201}):
            assert (await workflows.send("PATCH", "/txt2img", wrong)).status_code == 400
        assert (await workflows.send("GET", "/txt2img")).json()["data"]["updated_at"] == made["updated_at"]

    async def test_whether_it_needs_keys_follows_its_data(self, workflows: Workflows) -> None:
        await workflows.create(data=FETCH, type="fetch_api")
        api = FETCH["api"] | {"headers": {}}
        changed = (await workflows.send("PATCH", "/txt2img", {"data": FETCH | {"api": api}})).json()["data"]
        assert changed["requires_api_keys"] is False

    async def test_only_its_owner_or_a_service(self, workflows: Workflows, service: dict[str, str]) -> None:
        await workflows.create()
        other = Workflows(workflows.client)
        for method, change in (("PATCH", {"label": "mine"}), ("DELETE", None)):
            foreign = await other.send(method, "/txt2img", change)
            unknown = await other.send(method, "/no_such", change)
            assert foreign.status_code == unknown.status_code == 404
            assert foreign.json()["error"] == unknown.json()["error"]
        other.headers = service
        assert (await other.send("PATCH", "/txt2img", {"label": "ours"})).json()["data"]["label"] == "ours"
        assert (await other.send("DELETE", "/txt2img")).status_code == 200

    async def test_what_a_service_made_is_no_users(self, workflows: Workflows, service: dict[str, str]) -> None:
        mine, workflows.headers = workflows.headers, service
        await workflows.create()
        workflows.headers = mine
        assert (await workflows.send("PATCH", "/txt2img", {"label": "mine"})).status_code == 404


class TestDelete:
    async def collection(self, database: Database, user_id: UUID, title: str, **more: Any) -> UUID:
        recipe = {"version": "v2", "steps": [{"id": 1, "nodeName": "txt2img", "nodePayload": {}}]}
        async with database.transaction() as tx:
            return (await make_collection(tx, user_id, title=title, data=recipe, **more)).id

    async def test_an_unused_one_is_gone_with_its_links(self, workflows: Workflows, database: Database) -> None:
        await add_to_catalog(database, models=("a.ckpt",))
        made = await workflows.create(models=["a.ckpt"])
        response = await workflows.send("DELETE", "/txt2img")
        assert response.json()["data"] == {"id": made["id"], "name": "txt2img"}
        assert (await workflows.send("GET", "/txt2img")).status_code == 404

    async def test_one_in_use_stays_and_the_collections_are_named(
        self, workflows: Workflows, database: Database
    ) -> None:
        await workflows.create()
        mine = await self.collection(database, workflows.user_id, "Mine")
        public = await self.collection(database, new_id(), "Public", is_public=True)
        await self.collection(database, new_id(), "Secret plans")
        response = await workflows.send("DELETE", "/txt2img")
        assert response.status_code == 409
        named = response.json()["details"]["collections"]
        assert named == [{"id": str(public), "title": "Public"}, {"id": str(mine), "title": "Mine"}]
        assert f"Mine ({mine}) and others" in response.json()["error"]
        assert "Secret" not in response.text
        assert (await workflows.send("GET", "/txt2img")).status_code == 200

    async def test_one_that_only_the_published_version_uses_stays_until_the_next_is_published(
        self, workflows: Workflows, database: Database
    ) -> None:
        await workflows.create()
        collection = await self.collection(database, workflows.user_id, "Mine")
        later = {"version": "v2", "steps": [{"id": 1, "nodeName": "flexible_prompt", "nodePayload": {}}]}
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET status = 'published', published_at = now()")
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET data = %s", (Jsonb(later),))
        refused = await workflows.send("DELETE", "/txt2img")
        assert [item["id"] for item in refused.json()["details"]["collections"]] == [str(collection)]
        async with database.transaction() as tx:
            await tx.execute("UPDATE collection SET version = version + 1")
        assert (await workflows.send("DELETE", "/txt2img")).status_code == 200

    @pytest.mark.parametrize("data", [{}, [], {"steps": "txt2img"}, {"steps": [{"nodeName": 1}, 5]}, "txt2img"])
    async def test_odd_collections_do_not_count(self, workflows: Workflows, database: Database, data: Any) -> None:
        await workflows.create()
        async with database.transaction() as tx:
            collection = await make_collection(tx, await make_user(tx))
            await tx.execute("UPDATE collection SET data = %s WHERE id = %s", (Jsonb(data), collection.id))
        assert (await workflows.send("DELETE", "/txt2img")).status_code == 200

    @pytest.mark.parametrize("table", ["collection", "collection_version"])
    async def test_the_question_is_answered_by_an_index(self, database: Database, table: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("SET LOCAL enable_seqscan = off")
            plan = await tx.fetch_values(
                f"EXPLAIN SELECT FROM {table} WHERE jsonb_path_query_array(data, '$.steps[*].nodeName') ? 'x'"
            )
        assert f"{table}_by_workflow" in "\n".join(plan)
