"""A workflow of each type, and requests about workflows."""

from typing import Any
from uuid import UUID

import httpx2
from tests.apps import as_user
from tests.workflows.graphs import TEXT_TO_IMAGE

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


async def add_to_catalog(database: Database, *, models: tuple[str, ...] = (), nodes: tuple[str, ...] = ()) -> None:
    async with database.transaction() as tx:
        for table, names in (("model", models), ("custom_node", nodes)):
            for name in names:
                await tx.execute(f"INSERT INTO {table} (id, name) VALUES (%s, %s)", (new_id(), name))
