"""App Mode: its author chose what users may set, and the proposed form has just that."""

from typing import Any

import httpx2
import pytest
import redis.asyncio
from tests.apps import as_user
from tests.workflows.made_by_comfy import png, texts_of
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, Saved, in_subgraph, text_to_image

from emprops.connectors.comfyui.catalogue import pack, read_catalogue
from emprops.kit.ids import new_id
from emprops.queue.catalogues import Catalogues
from emprops.workflows import comfy_data
from emprops.workflows.editor.app_mode import Shown, shown_in
from emprops.workflows.importing import imported

CATALOGUE = read_catalogue(OBJECT_INFO)


def app(saved: Saved, *entries: Any, **more: Any) -> dict[str, Any]:
    document = saved.json() | more
    return document | {"extra": document["extra"] | {"linearData": {"inputs": list(entries), "outputs": [9]}}}


def form_of(saved: dict[str, Any]) -> list[tuple[str, str]]:
    """The id and type of each field that is proposed for an app."""
    made = imported(saved, [CATALOGUE])
    return [(one["id"], one["type"]) for one in comfy_data.prepare(made.data(), CATALOGUE).data["form"]["fields"]]


def with_primitive() -> Saved:
    saved = text_to_image()
    saved.node(20, "PrimitiveNode", [768, "fixed"], outputs=[{"name": "INT", "type": "INT", "links": []}])
    saved.link(20, 0, 5, "width", "INT")
    saved.link(20, 0, 5, "height", "INT")
    return saved


def test_widgets_of_nodes_in_the_order_of_the_app() -> None:
    saved = app(text_to_image(), [9, "filename_prefix"], ["6", "text", {"height": 90}], [3, "seed"])
    assert shown_in(saved) == Shown([[("9", "filename_prefix")], [("6", "text")], [("3", "seed")]])
    assert form_of(saved) == [("filename_prefix", "input"), ("prompt", "prompt_editor"), ("seed", "number")]


def test_a_field_sets_what_its_widget_sets_and_nothing_else() -> None:
    saved = text_to_image()
    saved.nodes["7"]["widgets_values"] = ["a red fox"]
    made = imported(app(saved, [6, "text"]), [CATALOGUE])
    stored = comfy_data.prepare(made.data(), CATALOGUE).data
    assert stored["inputs"] == {"6": {"text": {"value": "prompt", "is_required": False}}}
    assert "app_inputs" not in stored


def test_a_primitive_sets_all_that_it_leads_to() -> None:
    saved = app(with_primitive(), [20, "value"])
    assert shown_in(saved).inputs == [[("5", "width"), ("5", "height")]]
    stored = comfy_data.prepare(imported(saved, [CATALOGUE]).data(), CATALOGUE).data
    assert {name: source["value"] for name, source in stored["inputs"]["5"].items()} == {
        "width": "width",
        "height": "width",
    }


@pytest.mark.parametrize(
    "entry",
    [["50:3", "steps"], [3, "steps"], [50, "steps"], ["graph-id:50:steps", "steps"], ["graph%2Did:50:steps", "x"]],
)
def test_widgets_within_subgraphs(entry: list[Any]) -> None:
    saved = app(in_subgraph(), entry, id="graph-id")
    assert shown_in(saved).inputs == [[("50:3", "steps")]]
    assert form_of(saved) == [("steps", "slider")]


def test_several_of_a_kind_are_called_by_their_nodes() -> None:
    saved = text_to_image()
    saved.node(21, "LoadImage", ["example.png", "image"], title="Fox")
    saved.node(22, "LoadImage", ["example.png", "image"], title="Background")
    saved.node(23, "SaveImage", ["x"])
    saved.node(24, "SaveImage", ["x"])
    saved.link(21, 0, 23, "images")
    saved.link(22, 0, 24, "images")
    made = imported(app(saved, [22, "image"], [21, "image"]), [CATALOGUE])
    fields = comfy_data.prepare(made.data(), CATALOGUE).data["form"]["fields"]
    assert [(one["id"], one["name"]) for one in fields] == [("image", "Background"), ("image_2", "Fox")]


def test_what_is_gone_is_named_and_without_any_the_usual_form_is_proposed() -> None:
    saved = app(text_to_image(), [77, "text"], [20, "value"])
    assert shown_in(saved) == Shown([], [("77", "text"), ("20", "value")])
    [first, _] = imported(saved, [CATALOGUE]).warnings
    assert str(first) == "node 77 (): the app shows its input text, which the workflow does not have"
    assert len(form_of(saved)) > 5


def twice() -> Saved:
    saved = in_subgraph()
    saved.nodes["51"] = saved.nodes["50"] | {"id": 51}
    return saved


@pytest.mark.parametrize(
    "saved",
    [
        text_to_image().json(),
        app(text_to_image()),
        text_to_image().json() | {"extra": {"linearData": {"inputs": "all"}}},
        text_to_image().json() | {"extra": {"linearData": []}},
        app(text_to_image(), None, 5, [], [True, "text"], [6], [6, 7], {"node": 6}, [[6], "text"]),
        {"nodes": [{}], "extra": {"linearData": {"inputs": [[6, "text"]]}}},
        None,
    ],
)
def test_odd_apps_show_nothing(saved: Any) -> None:
    assert shown_in(saved) == Shown()


def test_the_same_id_in_two_places_is_neither() -> None:
    assert shown_in(app(twice(), [3, "steps"])).lost == [("3", "steps")]
    assert shown_in(app(twice(), ["51:3", "steps"])).inputs == [[("51:3", "steps")]]


@pytest.mark.parametrize(
    "shown",
    [5, [5], [[5]], [[["6"]]], [[["6", "text", 1]]], [[[6, "text"]]], [[["77", "text"]]], [[["6", "clip"]]], [[]], {}],
)
def test_what_is_shown_in_odd_ways_is_passed_over(shown: Any) -> None:
    usual = comfy_data.prepare({"workflow": TEXT_TO_IMAGE_API}).data
    assert comfy_data.prepare({"workflow": TEXT_TO_IMAGE_API, "app_inputs": shown}).data == usual


async def test_a_picture_of_an_app_over_http(client: httpx2.AsyncClient, redis: redis.asyncio.Redis) -> None:
    await Catalogues(redis, "emprops:").show(pack(CATALOGUE))
    user = as_user(new_id())
    saved = app(text_to_image(), [6, "text"], [3, "steps"])
    headers = user | {"content-type": "image/png"}
    made = await client.post("/api/workflows/convert", content=png(texts_of(saved)), headers=headers)
    assert made.json()["data"]["app_inputs"] == [[["6", "text"]], [["3", "steps"]]]
    body = {"name": "fox", "label": "", "description": "", "output_mime_type": "image/png"}
    for name, data in (("one", saved), ("two", made.json()["data"])):
        reply = await client.post("/api/workflows", json=body | {"name": name, "data": data}, headers=user)
        assert reply.status_code == 201, reply.text
        stored = reply.json()["data"]
        assert [one["id"] for one in stored["data"]["form"]["fields"]] == ["prompt", "steps"]
        assert [one["field"] for one in stored["analysis"]["inputs"]] == ["prompt", "steps"]
        assert stored["data"].keys() == {"workflow", "form", "inputs"}
