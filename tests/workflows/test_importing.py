"""Saved workflows over HTTP and from a terminal: converted by what a live machine, a document, or a ComfyUI says."""

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import redis.asyncio
from tests.apps import as_user
from tests.workflows.made_by_comfy import png, texts_of
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, info, text_to_image
from typer.testing import CliRunner

from emprops.cli.main import app as command
from emprops.connectors.comfyui.catalogue import pack, read_catalogue
from emprops.kit.ids import new_id
from emprops.queue import catalogues
from emprops.queue.catalogues import Catalogues
from emprops.workflows import importing

SAVED = text_to_image().json()
BODY = {"label": "", "description": "", "output_mime_type": "image/png", "type": "comfy_workflow"}
USER = as_user(new_id())


@pytest.fixture
def shelf(redis: redis.asyncio.Redis) -> Catalogues:
    return Catalogues(redis, "emprops:")


async def convert(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.post("/api/workflows/convert", json=body, headers=USER)


async def test_by_a_document(client: httpx2.AsyncClient) -> None:
    reply = await convert(client, workflow=SAVED, object_info=OBJECT_INFO)
    assert reply.status_code == 200, reply.text
    assert reply.json().keys() == {"data", "error"}
    assert reply.json()["data"] == {"workflow": TEXT_TO_IMAGE_API, "analysis": {"warnings": []}}


def with_a_note() -> dict[str, Any]:
    saved = text_to_image()
    saved.node(50, "Note Plus", ["remember the foxes"])
    saved.nodes["9"]["widgets_values"] = ["fox", "more"]
    return saved.json()


WARNINGS = [
    {
        "node": "50",
        "class_type": "Note Plus",
        "reason": "left out: no such node class is on the machine, and nothing is linked to it",
    },
    {
        "node": "9",
        "class_type": "SaveImage",
        "reason": "this version of its class has no input for saved values: 'more'",
    },
]


async def test_warnings_travel_in_the_reply_node_by_node(client: httpx2.AsyncClient, shelf: Catalogues) -> None:
    reply = await convert(client, workflow=with_a_note(), object_info=OBJECT_INFO)
    assert reply.json()["data"] == {"workflow": TEXT_TO_IMAGE_API, "analysis": {"warnings": WARNINGS}}
    await shelf.show(pack(read_catalogue(OBJECT_INFO)))
    body = BODY | {"name": "fox", "data": with_a_note()}
    reply = await client.post("/api/workflows", json=body, headers=USER)
    assert reply.status_code == 201, reply.text
    assert reply.json()["data"]["analysis"]["warnings"] == WARNINGS
    reply = await client.patch("/api/workflows/fox", json={"data": {"workflow": with_a_note()}}, headers=USER)
    assert reply.json()["data"]["analysis"]["warnings"] == WARNINGS
    reply = await client.patch("/api/workflows/fox", json={"data": SAVED}, headers=USER)
    assert reply.json()["data"]["analysis"]["warnings"] == []


async def test_the_machine_that_leaves_out_least_converts(client: httpx2.AsyncClient, shelf: Catalogues) -> None:
    newer = OBJECT_INFO | {"SaveImage": info({"images": ["IMAGE"], "filename_prefix": ["STRING"], "more": ["STRING"]})}
    newer["SaveImage"]["output_node"] = True
    for known in (newer, OBJECT_INFO):  # the one that was shown last is asked first
        await shelf.show(pack(read_catalogue(known)))
    data = (await convert(client, workflow=with_a_note())).json()["data"]
    assert data["workflow"]["9"]["inputs"]["more"] == "more"
    assert data["analysis"]["warnings"] == WARNINGS[:1]


async def test_what_cannot_be_converted_is_named(client: httpx2.AsyncClient) -> None:
    known = {name: content for name, content in OBJECT_INFO.items() if name != "VAEDecode"}
    reply = await convert(client, workflow=SAVED, object_info=known)
    assert (reply.status_code, reply.json()["code"]) == (400, "graph_not_converted")
    assert "node 8 (VAEDecode): no such node class" in reply.json()["error"]
    [named] = reply.json()["details"]["nodes"]
    assert (named["node"], named["class_type"]) == ("8", "VAEDecode")


async def test_by_the_machine_of_a_live_worker_that_allows_it(client: httpx2.AsyncClient, shelf: Catalogues) -> None:
    reply = await convert(client, workflow=SAVED)
    assert (reply.status_code, reply.json()["code"]) == (409, "no_node_catalogue")
    await shelf.show(pack(read_catalogue(OBJECT_INFO)))
    await shelf.show(pack(read_catalogue({"SaveImage": OBJECT_INFO["SaveImage"]})))
    await shelf.show(b"junk of a worker")
    reply = await convert(client, workflow=SAVED)
    assert reply.json()["data"] == {"workflow": TEXT_TO_IMAGE_API, "analysis": {"warnings": []}}


async def test_a_saved_workflow_can_be_stored_as_it_is(client: httpx2.AsyncClient, shelf: Catalogues) -> None:
    form = {"fields": [{"id": "words", "type": "prompt_editor"}]}
    fields = {"form": form, "inputs": {"6": {"text": {"value": "words"}}}}
    reply = await client.post("/api/workflows", json=BODY | {"name": "fox", "data": SAVED}, headers=USER)
    assert (reply.status_code, reply.json()["code"]) == (409, "no_node_catalogue")
    await shelf.show(pack(read_catalogue(OBJECT_INFO)))
    reply = await client.post("/api/workflows", json=BODY | {"name": "fox", "data": SAVED}, headers=USER)
    assert reply.status_code == 201, reply.text
    stored = reply.json()["data"]
    assert stored["data"]["workflow"] == TEXT_TO_IMAGE_API
    assert [use["name"] for use in stored["analysis"]["models"]] == ["sd15.safetensors"]
    reply = await client.patch("/api/workflows/fox", json={"data": fields | {"workflow": SAVED}}, headers=USER)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"]["data"] == fields | {"workflow": TEXT_TO_IMAGE_API}


async def test_data_of_other_types_are_left_alone(client: httpx2.AsyncClient, shelf: Catalogues) -> None:
    template = {"template": {"nodes": []}, "nodes": [], "variable_types": {}, "job_type": "noop"}
    other = BODY | {"type": "dynamic_json", "name": "other", "data": template}
    assert (await client.post("/api/workflows", json=other, headers=USER)).status_code == 201
    reply = await client.patch("/api/workflows/other", json={"data": template}, headers=USER)
    assert reply.status_code == 200, reply.text
    unknown = await client.patch("/api/workflows/unknown", json={"data": SAVED}, headers=USER)
    assert unknown.status_code == 404


async def test_catalogues_are_shared_bounded_and_go_with_their_workers(
    shelf: Catalogues, redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for packed in (b"one", b"two", b"one", b""):
        await shelf.show(packed)
    assert await shelf.all() == [b"one", b"two"]
    keys = [key async for key in redis.scan_iter("emprops:catalogue:*")]
    assert len(keys) == 2
    assert all([0 < await redis.ttl(key) <= 120 for key in keys])
    await redis.zadd("emprops:catalogues", dict.fromkeys(await redis.zrange("emprops:catalogues", 0, 0), 1))
    await shelf.show(b"one")
    assert await shelf.all() == [b"one"]
    monkeypatch.setattr(catalogues, "MAX_BYTES", 10)
    await shelf.show(b"too large to keep")
    assert await shelf.all() == [b"one"]


class TestCommand:
    @pytest.fixture
    def saved(self, tmp_path: Path) -> Path:
        path = tmp_path / "saved.json"
        path.write_bytes(orjson.dumps(SAVED))
        return path

    @pytest.fixture
    def known(self, tmp_path: Path) -> Path:
        path = tmp_path / "object_info.json"
        path.write_bytes(orjson.dumps(OBJECT_INFO))
        return path

    def test_it_writes_the_graph(self, saved: Path, known: Path, tmp_path: Path) -> None:
        said = CliRunner().invoke(command, ["comfy", "convert", str(saved), "--object-info", str(known)])
        assert (said.exit_code, orjson.loads(said.stdout)) == (0, TEXT_TO_IMAGE_API)
        target = tmp_path / "api.json"
        arguments = ["comfy", "convert", str(saved), "--object-info", str(known), "-o", str(target)]
        assert CliRunner().invoke(command, arguments).exit_code == 0
        assert orjson.loads(target.read_bytes()) == TEXT_TO_IMAGE_API

    def test_it_says_what_it_leaves_out(self, saved: Path, known: Path) -> None:
        saved.write_bytes(orjson.dumps(with_a_note()))
        said = CliRunner().invoke(command, ["comfy", "convert", str(saved), "--object-info", str(known)])
        assert (said.exit_code, orjson.loads(said.stdout)) == (0, TEXT_TO_IMAGE_API)
        assert said.stderr.splitlines() == [
            f"- node {one['node']} ({one['class_type']}): {one['reason']}" for one in WARNINGS
        ]

    def test_it_names_texts_that_are_filled_in(self, saved: Path, known: Path) -> None:
        drawn = text_to_image()
        drawn.nodes["9"]["widgets_values"] = ["%date:yyyy%/%Nobody.seed%"]
        saved.write_bytes(orjson.dumps(drawn.json()))
        said = CliRunner().invoke(command, ["comfy", "convert", str(saved), "--object-info", str(known)])
        assert said.stderr.splitlines() == [
            "- node 9 (SaveImage): its input filename_prefix has %Nobody.seed%, which names no node and value",
            "- node 9: dates in filename_prefix; EmProps fills them in, ComfyUI's API does not",
        ]

    def test_it_names_what_it_cannot_convert(self, saved: Path, known: Path) -> None:
        known.write_bytes(b"{}")
        said = CliRunner().invoke(command, ["comfy", "convert", str(saved), "--object-info", str(known)])
        assert said.exit_code == 1
        assert "- node 9 (SaveImage): no such node class" in said.stderr

    def test_a_picture_that_comfyui_made(self, tmp_path: Path, known: Path) -> None:
        picture, ran = tmp_path / "fox.png", {"9": {"class_type": "SaveImage", "inputs": {}}}
        picture.write_bytes(png(texts_of(SAVED, ran)))
        said = CliRunner().invoke(command, ["comfy", "convert", str(picture), "--object-info", str(known)])
        assert (said.exit_code, orjson.loads(said.stdout), said.stderr) == (0, TEXT_TO_IMAGE_API, "")
        said = CliRunner().invoke(command, ["comfy", "convert", str(picture)])
        assert (said.exit_code, orjson.loads(said.stdout)) == (0, ran)
        assert "this is the graph that ComfyUI ran" in said.stderr
        known.write_bytes(b"{}")
        said = CliRunner().invoke(command, ["comfy", "convert", str(picture), "--object-info", str(known)])
        assert (said.exit_code, orjson.loads(said.stdout)) == (0, ran)
        assert "was not converted: The workflow cannot be converted: node 4" in said.stderr
        picture.write_bytes(png(texts_of(prompt=ran)))
        said = CliRunner().invoke(command, ["comfy", "convert", str(picture)])
        assert (said.exit_code, orjson.loads(said.stdout), said.stderr) == (0, ran, "")
        picture.write_bytes(png({}))
        said = CliRunner().invoke(command, ["comfy", "convert", str(picture)])
        assert (said.exit_code, "has no ComfyUI workflow in it" in said.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["{saved}"], "--comfyui"),
            (["nowhere.json"], "cannot be read"),
            (["{saved}", "--comfyui", "nonsense"], "must be the address of a ComfyUI"),
            (["{saved}", "--comfyui", "http://127.0.0.1:1"], "is away"),
            (["{saved}", "--object-info", "{junk}"], "is not JSON"),
        ],
    )
    def test_what_is_wrong_is_one_sentence(self, saved: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
        junk = tmp_path / "junk"
        junk.write_text("{")
        filled = [argument.format(saved=saved, junk=junk) for argument in arguments]
        said = CliRunner().invoke(command, ["comfy", "convert", *filled])
        assert said.exit_code == 1
        assert says in said.stderr
        assert len(said.stderr.splitlines()) == 1


async def test_classes_come_from_the_machines_that_have_them(
    shelf: Catalogues, redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = read_catalogue(OBJECT_INFO)
    graph = {"1": {"class_type": "LoadImage"}, "2": {"class_type": "SaveImage"}, "3": {"class_type": "Unknown"}}
    await shelf.show(pack({"LoadImage": known["LoadImage"], "VAEDecode": known["VAEDecode"]}))
    await shelf.show(b"junk of a worker")
    await shelf.show(pack({"SaveImage": known["SaveImage"]}))
    expected = {name: known[name] for name in ("LoadImage", "SaveImage")}
    assert await importing.live_classes({"workflow": graph}, redis, "emprops:") == expected
    assert await importing.live_classes({"prompt": "no graph"}, redis, "emprops:") == {}
    monkeypatch.setattr(Catalogues, "all", unreachable)
    assert await importing.live_classes(graph, redis, "emprops:") == {}


async def unreachable(self: Catalogues) -> list[bytes]:
    raise ConnectionError(self.prefix)
