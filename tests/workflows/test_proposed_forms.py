"""From a bare graph to a generation: the form that is proposed, with what live machines say of the classes."""

from typing import Any

import httpx2
import pytest
import redis.asyncio
from tests.apps import as_user
from tests.workflows.graphs import TEXT_TO_IMAGE
from tests.workflows.labelled import classes

from emprops.connectors.comfyui.catalogue import pack
from emprops.kit.ids import new_id
from emprops.queue.catalogues import Catalogues

USER = as_user(new_id())
GRAPH: dict[str, Any] = TEXT_TO_IMAGE | {
    "5": {"class_type": "LoadImage", "inputs": {"image": "mine.png"}},
    "50": {"class_type": "VAEEncode", "inputs": {"pixels": ["5", 0], "vae": ["11", 0]}},
    "3": TEXT_TO_IMAGE["3"] | {"inputs": TEXT_TO_IMAGE["3"]["inputs"] | {"latent_image": ["50", 0], "denoise": 0.6}},
}


async def sent(client: httpx2.AsyncClient, method: str, path: str, body: Any) -> Any:
    reply = await client.request(method, path, json=body, headers=USER)
    assert reply.status_code in (200, 201), reply.text
    return reply.json()["data"]


async def stored(client: httpx2.AsyncClient, name: str, data: Any) -> dict[str, Any]:
    said = {"label": "", "description": "", "output_mime_type": "image/png"}
    made = await sent(client, "POST", "/api/workflows", said | {"name": name, "data": data})
    return {field["id"]: field for field in made["data"]["form"]["fields"]}


async def test_live_machines_tell_limits_and_choices(client: httpx2.AsyncClient, redis: redis.asyncio.Redis) -> None:
    before = await stored(client, "before", GRAPH)
    await Catalogues(redis, "emprops:").show(pack(classes()))
    after = await stored(client, "after", GRAPH)
    assert before.keys() == after.keys()
    assert before["scheduler"]["options"] != after["scheduler"]["options"]
    assert after["scheduler"]["options"][0] == "normal"
    bare = await sent(client, "PATCH", "/api/workflows/before", {"data": GRAPH})
    changed = {field["id"]: field for field in bare["data"]["form"]["fields"]}
    assert changed == after


@pytest.mark.parametrize(
    ("payload", "missing"),
    [
        ({}, {"image": "is required (image of edit)"}),
        ({"image": "{{photo}}"}, {"photo": "is required (image of edit)"}),
    ],
)
async def test_a_picture_that_was_not_given_is_asked_for(
    client: httpx2.AsyncClient, payload: dict[str, str], missing: dict[str, str]
) -> None:
    fields = await stored(client, "edit", GRAPH)
    assert (fields["image"]["type"], fields["image"]["required"]) == ("image_loader", True)
    photo = {"name": "photo", "type": "text", "required": False}
    data = {"steps": [{"id": 1, "nodeName": "edit", "nodePayload": payload}], "variables": [photo]}
    made = await sent(client, "POST", "/api/collections", {"title": "Edit", "data": data})
    reply = await client.post(f"/api/collections/{made['id']}/generate", json={"variables": {}}, headers=USER)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_variables")
    assert reply.json()["details"] == missing
