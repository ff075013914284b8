"""Workflows within files over HTTP: as the body itself, or in a form."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import as_user
from tests.workflows import made_by_comfy
from tests.workflows.made_by_comfy import KINDS, png, texts_of
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, text_to_image

from emprops.connectors.comfyui.catalogue import pack, read_catalogue
from emprops.kit.ids import new_id
from emprops.queue.catalogues import Catalogues
from emprops.settings import Settings

SAVED = text_to_image().json()
OTHER = {"9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "what ran"}}}
BOTH = png(texts_of(SAVED, OTHER))
USER = as_user(new_id())
TYPES = {
    "picture.png": "image/png",
    "picture.webp": "image/webp",
    "video.mp4": "video/mp4",
    "video.mov": "video/quicktime",
    "video.webm": "video/webm",
    "video.mkv": "video/x-matroska",
    "sound.flac": "audio/flac",
    "sound.mp3": "audio/mpeg",
    "sound.opus": "audio/ogg",
}


@pytest.fixture
async def shelf(redis: redis.asyncio.Redis) -> None:
    await Catalogues(redis, "emprops:").show(pack(read_catalogue(OBJECT_INFO)))


async def raw(
    client: httpx2.AsyncClient, path: str, content: Any, kind: str = "image/png", **query: Any
) -> httpx2.Response:
    headers = USER | {"content-type": kind}
    return await client.post(f"/api/workflows{path}", content=content, headers=headers, params=query)


async def form(client: httpx2.AsyncClient, path: str, content: bytes, **fields: Any) -> httpx2.Response:
    files = {"file": ("fox.png", content, "image/png")}
    return await client.post(f"/api/workflows{path}", files=files, data=fields, headers=USER)


class TestConvert:
    @pytest.mark.usefixtures("shelf")
    @pytest.mark.parametrize("name", TYPES)
    async def test_a_file_of_each_kind(self, client: httpx2.AsyncClient, name: str) -> None:
        content = KINDS[name](texts_of(SAVED))
        for kind in (TYPES[name], "application/octet-stream"):
            reply = await raw(client, "/convert", content, kind)
            assert reply.status_code == 200, reply.text
            assert reply.json()["data"]["workflow"] == TEXT_TO_IMAGE_API
        assert (await form(client, "/convert", content)).json()["data"]["workflow"] == TEXT_TO_IMAGE_API

    @pytest.mark.usefixtures("shelf")
    async def test_the_saved_workflow_comes_before_what_ran(self, client: httpx2.AsyncClient) -> None:
        assert (await raw(client, "/convert", BOTH)).json()["data"]["workflow"] == TEXT_TO_IMAGE_API

    async def test_what_ran_stands_in_for_what_cannot_be_converted(self, client: httpx2.AsyncClient) -> None:
        made = (await raw(client, "/convert", BOTH)).json()["data"]
        assert made["workflow"] == OTHER
        assert "stands in for the saved workflow" in made["analysis"]["warnings"][0]["reason"]
        known = {"SaveImage": OBJECT_INFO["SaveImage"]}
        reply = await form(client, "/convert", BOTH, object_info=json.dumps(known))
        assert reply.json()["data"]["workflow"] == OTHER
        reply = await form(client, "/convert", png(texts_of(SAVED)), object_info=json.dumps(known))
        assert (reply.status_code, reply.json()["code"]) == (400, "graph_not_converted")
        reply = await raw(client, "/convert", png(texts_of(SAVED)))
        assert (reply.status_code, reply.json()["code"]) == (409, "no_node_catalogue")

    async def test_what_ran_alone_stays_as_it_is(self, client: httpx2.AsyncClient) -> None:
        reply = await raw(client, "/convert", png(texts_of(prompt=OTHER)))
        assert reply.json()["data"]["workflow"] == OTHER

    async def test_with_the_classes_in_a_form(self, client: httpx2.AsyncClient) -> None:
        reply = await form(client, "/convert", BOTH, object_info=json.dumps(OBJECT_INFO))
        assert reply.json()["data"]["workflow"] == TEXT_TO_IMAGE_API

    @pytest.mark.usefixtures("shelf")
    async def test_the_saved_file_itself_in_a_form(self, client: httpx2.AsyncClient) -> None:
        reply = await form(client, "/convert", json.dumps(SAVED).encode())
        assert reply.json()["data"]["workflow"] == TEXT_TO_IMAGE_API


class TestStore:
    @pytest.mark.usefixtures("shelf")
    async def test_a_picture_as_the_body_with_the_fields_in_the_query(self, client: httpx2.AsyncClient) -> None:
        reply = await raw(client, "", BOTH, name="fox", description="A fox", display="false", order="3")
        assert reply.status_code == 201, reply.text
        stored = reply.json()["data"]
        assert stored["data"]["workflow"] == TEXT_TO_IMAGE_API
        assert "prompt" not in stored["data"]
        assert [stored[name] for name in ("name", "label", "description", "output_mime_type", "display", "order")] == [
            "fox",
            "fox",
            "A fox",
            "image/png",
            False,
            3,
        ]
        assert stored["type"] == "comfy_workflow"

    @pytest.mark.usefixtures("shelf")
    async def test_a_video_in_a_form(self, client: httpx2.AsyncClient) -> None:
        await client.post("/api/models", json={"name": "a.ckpt"}, headers=USER)
        data = {"credits": 2, "form": {"fields": [{"id": "words", "type": "text"}]}}
        fields = {"name": "film", "label": "Film", "models": ["sd15.safetensors"], "data": json.dumps(data)}
        content = KINDS["video.mp4"](texts_of(SAVED, OTHER))
        refused = await form(client, "", content, **fields)
        assert (refused.status_code, "sd15.safetensors" in refused.json()["error"]) == (400, True)
        reply = await form(client, "", content, **fields | {"models": []})
        assert reply.status_code == 201, reply.text
        stored = reply.json()["data"]
        assert (stored["label"], stored["output_mime_type"]) == ("Film", "video/mp4")
        assert stored["data"] == data | {"workflow": TEXT_TO_IMAGE_API, "inputs": {}}

    async def test_without_a_machine_what_ran_is_stored(self, client: httpx2.AsyncClient) -> None:
        reply = await raw(client, "", BOTH, name="fox")
        assert reply.status_code == 201, reply.text
        stored = reply.json()["data"]
        assert stored["data"]["workflow"] == OTHER
        assert "no live worker has a ComfyUI" in stored["analysis"]["warnings"][0]["reason"]

    async def test_a_key_makes_it_once(self, client: httpx2.AsyncClient) -> None:
        headers = USER | {"content-type": "image/png", "Idempotency-Key": "k"}
        sent = {"content": BOTH, "headers": headers, "params": {"name": "fox"}}
        first, second = [await client.post("/api/workflows", **sent) for _ in range(2)]
        assert (first.status_code, second.json()) == (201, first.json())
        sent["content"] = png(texts_of(prompt=OTHER | {"10": OTHER["9"]}))
        assert (await client.post("/api/workflows", **sent)).status_code == 422

    async def test_a_change(self, client: httpx2.AsyncClient) -> None:
        made = (await raw(client, "", BOTH, name="fox", label="Fox")).json()["data"]
        other = png(texts_of(prompt=OTHER | {"10": OTHER["9"]}))
        headers = USER | {"content-type": "image/png"}
        reply = await client.patch("/api/workflows/fox", content=other, headers=headers)
        assert reply.status_code == 200, reply.text
        changed = reply.json()["data"]
        assert list(changed["data"]["workflow"]) == ["9", "10"]
        assert [changed[name] for name in ("label", "output_mime_type")] == [made["label"], "image/png"]

    async def test_a_change_in_a_form_keeps_the_price_or_sets_another(self, client: httpx2.AsyncClient) -> None:
        await form(client, "", png(texts_of(prompt=OTHER)), name="fox", credits="0.5")
        files = {"file": ("fox.png", png(texts_of(prompt=OTHER | {"10": OTHER["9"]})), "image/png")}
        reply = await client.patch("/api/workflows/fox", files=files, data={"label": "Fox"}, headers=USER)
        changed = reply.json()["data"]
        assert (list(changed["data"]["workflow"]), changed["label"], changed["credits"]) == (["9", "10"], "Fox", 0.5)
        reply = await client.patch("/api/workflows/fox", files=files, data={"credits": '{"cost": 2}'}, headers=USER)
        assert reply.json()["data"]["credits"] == {"cost": 2}


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "status", "says"),
        [
            (png({}), 400, "This image/png file has no ComfyUI workflow in it"),
            (b"", 400, "nothing that holds a ComfyUI workflow"),
            (b"\xff\xd8\xff\xe0", 400, "Send a PNG or WebP picture"),
            (made_by_comfy.bomb(), 400, "MB of text"),
            (png({"workflow": json.dumps({"nodes": [], "extra": list(range(300_000))})}), 413, "values"),
            (png({"workflow": json.dumps({"nodes": [], "x" * 300: 1})}), 400, "key longer"),
        ],
        ids=["empty", "nothing", "jpeg", "bomb", "large", "key"],
    )
    async def test_files_without_a_workflow_we_can_take(
        self, client: httpx2.AsyncClient, content: bytes, status: int, says: str
    ) -> None:
        for reply in (await raw(client, "", content, name="fox"), await form(client, "/convert", content)):
            assert reply.status_code == status, reply.text
            assert says in reply.json()["error"]

    async def test_forms_that_are_none(self, client: httpx2.AsyncClient) -> None:
        reply = await client.post("/api/workflows", files={"name": (None, "fox")}, headers=USER)
        assert (reply.status_code, "The form has no file" in reply.json()["error"]) == (400, True)
        two = [("file", ("a.png", BOTH)), ("file", ("b.png", BOTH))]
        assert (await client.post("/api/workflows", files=two, headers=USER)).status_code == 400
        assert (await raw(client, "", b"junk", "multipart/form-data; boundary=x")).status_code == 400
        assert (await form(client, "/convert", BOTH, object_info="{")).status_code == 400
        assert (await form(client, "", BOTH, name="fox", data="[]")).status_code == 400
        assert (await form(client, "", BOTH, name="a/b")).status_code == 400
        missing = (await form(client, "", BOTH)).json()["details"]
        assert {one["field"] for one in missing} == {"name"}

    async def test_other_types_are_named(self, client: httpx2.AsyncClient) -> None:
        reply = await raw(client, "", b"a", "text/plain")
        assert (reply.status_code, "multipart/form-data" in reply.json()["error"]) == (415, True)

    async def test_strangers_send_nothing(self, client: httpx2.AsyncClient) -> None:
        reply = await client.post("/api/workflows/convert", content=b"", headers={"content-type": "image/png"})
        assert reply.status_code == 401

    async def test_large_files(self, client: httpx2.AsyncClient, settings: Settings) -> None:
        length = {"content-length": str(settings.max_workflow_file_bytes + 1), "content-type": "image/png"}
        request = client.build_request("POST", "/api/workflows/convert", headers=USER | length, content=b"")
        assert (await client.send(request)).status_code == 413


async def test_a_file_that_does_not_come_is_given_up(app: FastAPI, client: httpx2.AsyncClient) -> None:
    resources = app.state.resources
    quick = replace(resources, settings=resources.settings.model_copy(update={"body_timeout": 0.05}))
    app.state.resources = quick

    async def half() -> AsyncIterator[bytes]:
        yield BOTH[:100]
        await asyncio.Event().wait()

    try:
        reply = await client.post(
            "/api/workflows/convert", content=half(), headers=USER | {"content-type": "image/png"}
        )
    finally:
        app.state.resources = resources
    assert (reply.status_code, reply.json()["error"]) == (408, "Nothing came for 0.05 seconds.")
