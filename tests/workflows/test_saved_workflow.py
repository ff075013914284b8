"""What a graph was converted from is kept beside it, travels with its jobs, and goes when the graph becomes another."""

import copy
from typing import Any

import httpx2
import pytest
import redis.asyncio
from tests.apps import as_user
from tests.workflows.graphs import OCCASION
from tests.workflows.made_by_comfy import png, texts_of
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, text_to_image

from emprops.connectors.comfyui.catalogue import pack, read_catalogue
from emprops.connectors.comfyui.editor import SAVED as KEY
from emprops.connectors.comfyui.editor import unpack
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.queue.catalogues import Catalogues
from emprops.workflows import store
from emprops.workflows.kinds.base import PlannedWork
from emprops.workflows.kinds.registry import KINDS

SAVED = text_to_image().json()
BODY = {"name": "fox", "label": "", "description": "", "output_mime_type": "image/png", "type": "comfy_workflow"}
USER = as_user(new_id())


@pytest.fixture(autouse=True)
async def shelf(redis: redis.asyncio.Redis) -> Catalogues:
    shelf = Catalogues(redis, "emprops:")
    await shelf.show(pack(read_catalogue(OBJECT_INFO)))
    return shelf


async def make(client: httpx2.AsyncClient, data: Any = SAVED) -> dict[str, Any]:
    reply = await client.post("/api/workflows", json=BODY | {"data": data}, headers=USER)
    assert reply.status_code == 201, reply.text
    return dict(reply.json()["data"])


async def change(client: httpx2.AsyncClient, **changes: Any) -> None:
    reply = await client.patch("/api/workflows/fox", json=changes, headers=USER)
    assert reply.status_code == 200, reply.text


async def carried(database: Database) -> Any:
    """What a job of the workflow would carry."""
    async with database.reader() as reader:
        workflow = (await store.by_names(reader, ["fox"]))["fox"]
    work = KINDS[workflow.type].plan(workflow, {}, OCCASION)
    assert isinstance(work, PlannedWork)
    return unpack(work.payload[KEY]) if KEY in work.payload else None


async def test_it_is_carried_by_jobs_and_not_shown(client: httpx2.AsyncClient, database: Database) -> None:
    made = await make(client)
    assert await carried(database) == SAVED
    assert "widgets_values" not in str(made)
    read = (await client.get("/api/workflows/fox")).json()["data"]
    assert "widgets_values" not in str(read)
    assert read["data"]["workflow"] == TEXT_TO_IMAGE_API


async def test_it_comes_out_of_a_picture_too(client: httpx2.AsyncClient, database: Database) -> None:
    picture = png(texts_of(SAVED))
    query = {"name": "fox", "output_mime_type": "image/png"}
    headers = USER | {"content-type": "image/png"}
    reply = await client.post("/api/workflows", content=picture, params=query, headers=headers)
    assert reply.status_code == 201, reply.text
    assert await carried(database) == SAVED


async def test_it_stays_while_the_graph_does(client: httpx2.AsyncClient, database: Database) -> None:
    made = await make(client)
    await change(client, label="Fox")
    await change(client, data=made["data"] | {"credits": 1})
    assert await carried(database) == SAVED


async def test_it_goes_when_the_graph_becomes_another(client: httpx2.AsyncClient, database: Database) -> None:
    made = await make(client)
    graph = copy.deepcopy(made["data"]["workflow"])
    graph["3"]["inputs"]["steps"] = 21
    await change(client, data=made["data"] | {"workflow": graph})
    assert await carried(database) is None


async def test_it_is_replaced_by_a_newer_one(client: httpx2.AsyncClient, database: Database) -> None:
    await make(client)
    newer = text_to_image()
    newer.nodes["6"]["widgets_values"] = ["a blue fox"]
    await change(client, data=newer.json())
    assert await carried(database) == newer.json()


async def test_a_graph_that_was_not_converted_has_none(client: httpx2.AsyncClient, database: Database) -> None:
    await make(client, TEXT_TO_IMAGE_API)
    assert await carried(database) is None


async def test_it_goes_with_its_workflow(client: httpx2.AsyncClient, database: Database) -> None:
    await make(client)
    assert (await client.delete("/api/workflows/fox", headers=USER)).status_code == 200
    async with database.reader() as reader:
        assert await reader.fetch_values("SELECT count(*) FROM saved_workflow") == [0]
