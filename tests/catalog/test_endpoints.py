"""Models and custom nodes over HTTP."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from tests.apps import api, as_user, client_of, service_key
from tests.auth.tokens import SECRET, good

from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.settings import Settings

MODEL: dict[str, Any] = {
    "name": "SDXL/sd_xl_base_1.0.safetensors",
    "type": "checkpoint",
    "description": "SDXL base",
    "huggingface_id": "stabilityai/sdxl",
    "status": "active",
    "download_url": "https://huggingface.co/x/sd_xl_base_1.0.safetensors",
    "file_size_gb": 6.94,
    "hash": "31e35c80fc",
    "auth_required": True,
    "auth_provider": "huggingface",
    "save_path": "models/checkpoints",
    "dependencies": ["sdxl_vae.safetensors"],
}
NODE: dict[str, Any] = {
    "name": "ComfyUI-KJNodes",
    "repositoryUrl": "https://github.com/kijai/ComfyUI-KJNodes",
    "description": "Masks and curves",
    "branch": "main",
    "commit": "0a1b2c3",
    "recursive": True,
    "requirements": True,
    "env": {"A": "b"},
    "is_default": True,
    "install_order": 3,
}


class Catalog:
    """The endpoints of one kind."""

    def __init__(self, client: httpx2.AsyncClient, kind: str) -> None:
        self.client = client
        self.kind = kind
        self.headers = as_user(new_id())

    async def get(self, path: str = "") -> Any:
        response = await self.client.get(f"/api/{self.kind}{path}")
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def post(self, body: Any, path: str = "", **headers: str) -> httpx2.Response:
        return await self.client.post(f"/api/{self.kind}{path}", json=body, headers=self.headers | headers)

    async def add(self, **body: Any) -> dict[str, Any]:
        response = await self.post(body)
        assert response.status_code == 201, response.text
        data: dict[str, Any] = response.json()["data"]
        return data


@pytest.fixture
def models(client: httpx2.AsyncClient) -> Catalog:
    return Catalog(client, "models")


@pytest.fixture
def nodes(client: httpx2.AsyncClient) -> Catalog:
    return Catalog(client, "custom-nodes")


@pytest.fixture(params=["models", "custom-nodes"])
def either(request: pytest.FixtureRequest, client: httpx2.AsyncClient) -> Catalog:
    return Catalog(client, request.param)


async def test_a_model_keeps_every_field(models: Catalog) -> None:
    made = await models.add(**MODEL)
    assert {key: made[key] for key in MODEL} == MODEL
    assert set(made) == {*MODEL, "id", "created_at", "updated_at"}
    assert await models.get("/SDXL/sd_xl_base_1.0.safetensors") == made
    assert await models.get() == [made]


async def test_a_custom_node_keeps_every_field(nodes: Catalog) -> None:
    made = await nodes.add(**NODE)
    assert {key: made[key] for key in NODE} == NODE
    assert set(made) == {*NODE, "id", "createdAt", "updatedAt"}
    assert await nodes.get("/ComfyUI-KJNodes") == made
    other = await nodes.add(name="other", repository_url="https://github.com/a/b")
    assert other["repositoryUrl"] == "https://github.com/a/b"


async def test_a_name_is_enough_and_is_taken_once(either: Catalog) -> None:
    made = await either.add(name="x")
    again = await either.post({"name": "x"})
    assert again.status_code == 409
    assert "named x already" in again.json()["error"]
    assert [item["id"] for item in await either.get()] == [made["id"]]


async def test_a_request_sent_again_with_its_key_is_done_once(either: Catalog) -> None:
    first = await either.post({"name": "x"}, **{"Idempotency-Key": "k"})
    again = await either.post({"name": "x"}, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (201, first.json())


async def test_models_come_by_name_in_pages(models: Catalog) -> None:
    for name in ("c", "a", "b"):
        await models.add(name=name)
    assert [item["name"] for item in await models.get()] == ["a", "b", "c"]
    assert [item["name"] for item in await models.get("?limit=1&offset=1")] == ["b"]


async def test_custom_nodes_come_in_the_order_of_installation(nodes: Catalog) -> None:
    for name, order, default in (
        ("z", 1, True),
        ("late", None, True),
        ("b", 2, False),
        ("a", 2, True),
        ("n", None, False),
    ):
        await nodes.add(name=name, install_order=order, is_default=default)
    assert [item["name"] for item in await nodes.get()] == ["z", "a", "b", "late", "n"]
    assert [item["name"] for item in await nodes.get("?limit=2&offset=1")] == ["a", "b"]
    defaults = ["z", "a", "late"]
    assert [item["name"] for item in await nodes.get("/defaults")] == defaults
    assert [item["name"] for item in await nodes.get("?is_default=true")] == defaults
    assert [item["name"] for item in await nodes.get("?is_default=false")] == ["b", "n"]


async def test_many_are_looked_up_at_once(either: Catalog) -> None:
    for name in ("a", "b", "c"):
        await either.add(name=name)
    response = await either.client.post(f"/api/{either.kind}/batch", json={"names": ["c", "nope", "a", "c", "nope"]})
    assert response.status_code == 200
    data = response.json()["data"]
    found = data["models" if either.kind == "models" else "custom_nodes"]
    assert [item["name"] for item in found] == ["c", "a"]
    assert data["not_found"] == ["nope"]
    assert (await either.post({"names": ["x"] * 201}, "/batch")).status_code == 400
    assert (await either.post({"names": []}, "/batch")).json()["data"]["not_found"] == []


async def test_unknown_names(either: Catalog) -> None:
    for name in ("nope", "a/b/c"):
        assert (await either.client.get(f"/api/{either.kind}/{name}")).status_code == 404


async def test_adding_takes_a_caller(either: Catalog) -> None:
    response = await either.client.post(f"/api/{either.kind}", json={"name": "x"})
    assert response.status_code == 401
    assert await either.get() == []


async def test_services_change_what_they_send(either: Catalog, database: Database) -> None:
    made = await either.add(**(MODEL if either.kind == "models" else NODE))
    url, headers = f"/api/{either.kind}/{made['name']}", await service_key(database)
    changed = await either.client.patch(url, json={"description": "new", "hash": "1"}, headers=headers)
    assert changed.status_code == 200, changed.text
    kept = {key: value for key, value in made.items() if key not in {"updated_at", "updatedAt", "hash"}}
    assert changed.json()["data"].items() >= (kept | {"description": "new"}).items()
    renamed = await either.client.patch(url, json={"name": "y"}, headers=headers)
    assert renamed.json()["data"]["id"] == made["id"]
    await either.add(name="x")
    taken = await either.client.patch(f"/api/{either.kind}/x", json={"name": "y"}, headers=headers)
    assert (taken.status_code, taken.json()["error"]) == (409, "The name y is taken already.")
    for wrong in ({"name": ""}, {"name": None}, {"name": "a\nb"}):
        assert (await either.client.patch(f"/api/{either.kind}/y", json=wrong, headers=headers)).status_code == 400


async def test_what_no_workflow_needs_can_be_deleted(either: Catalog, database: Database) -> None:
    headers = await service_key(database)
    await either.add(name="needed")
    body = {"name": "w", "label": "W", "description": "", "output_mime_type": "image/png", "type": "basic"}
    needs = {either.kind.replace("-", "_"): ["needed"], "data": {"form": {"fields": [{"id": "x", "type": "text"}]}}}
    stored = await either.client.post("/api/workflows", json=body | needs, headers=either.headers)
    assert stored.status_code == 201, stored.text
    refused = await either.client.delete(f"/api/{either.kind}/needed", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "Workflows need needed: w; change or delete them first.",
    )
    assert (await either.client.delete("/api/workflows/w", headers=either.headers)).status_code == 200
    assert (await either.client.delete(f"/api/{either.kind}/needed", headers=headers)).status_code == 200
    assert await either.get() == []
    assert (await either.client.delete(f"/api/{either.kind}/needed", headers=headers)).status_code == 404
    assert (await either.client.patch(f"/api/{either.kind}/needed", json={}, headers=headers)).status_code == 404


@pytest.mark.parametrize(("changes", "status"), [({}, 403), ({"catalog_open": True}, 201)])
async def test_in_production_users_add_where_they_may(
    settings: Settings,
    database: Database,
    redis: redis.asyncio.Redis,
    tmp_path: Path,
    changes: dict[str, Any],
    status: int,
) -> None:
    values = {"mode": "production", "jwt_secret": SECRET, "database_url": settings.database_url}
    production = Settings(**{**values, "redis_url": settings.redis_url, **changes})
    user = {"Authorization": f"Bearer {good()}"}
    async with api(production, database, redis, tmp_path) as app, client_of(app) as client:
        for kind in ("models", "custom-nodes"):
            sent = await client.post(f"/api/{kind}", json={"name": "x"}, headers=user)
            assert sent.status_code == status, sent.text
            for_services = await client.post(f"/api/{kind}", json={"name": "s"}, headers=await service_key(database))
            assert for_services.status_code == 201


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("models", {"name": ""}),
        ("models", {"name": "a\nb"}),
        ("models", {"name": "x" * 256}),
        ("models", {"name": "a", "auth_provider": "me"}),
        ("models", {"name": "a", "file_size_gb": -1}),
        ("models", {"name": "a", "file_size_gb": 1e300}),
        ("models", {"name": "a", "download_url": "javascript:alert(1)"}),
        ("models", {"name": "a", "dependencies": {}}),
        ("custom-nodes", {"name": "a", "repositoryUrl": "git@github.com:a/b"}),
        ("custom-nodes", {"name": "a", "install_order": 2**40}),
        ("custom-nodes", {"name": "a", "env": []}),
        ("custom-nodes", {}),
    ],
)
async def test_fields_outside_their_values(client: httpx2.AsyncClient, kind: str, wrong: dict[str, Any]) -> None:
    response = await Catalog(client, kind).post(wrong)
    assert response.status_code == 400, response.text
    assert response.json()["details"]
