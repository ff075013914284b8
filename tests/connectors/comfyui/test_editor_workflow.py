"""The workflow that is sent along with a graph is the graph: converted again, it gives what ComfyUI ran."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import PNG, graph, node, run
from tests.connectors.contract import RecordingContext, content_of, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.workflows.conversion import CATALOGUE, api
from tests.workflows.saved import TEXT_TO_IMAGE_API, Saved, in_subgraph, text_to_image

from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.editor import MAX_PACKED, as_text, made_of, pack, unpack
from emprops.connectors.comfyui.editor_values import fill

Json = dict[str, Any]


def resized() -> Saved:
    """With a choice that brings further inputs, and a button for an upload."""
    saved = Saved()
    saved.node(1, "LoadImage", ["fox.png", "image"])
    saved.node(2, "ResizeV3", ["to", 640, 480])
    saved.node(3, "SaveImage", ["fox"])
    saved.link(1, 0, 2, "image")
    saved.link(2, 0, 3, "images")
    return saved


def by_name() -> Saved:
    saved = text_to_image()
    saved.nodes["9"]["widgets_values"] = {"filename_prefix": "fox", "of its own": 7}
    saved.nodes["5"]["widgets_values_named"] = {"width": 640, "height": 512, "batch_size": 1}
    return saved


HOSTS: list[Json] = [
    {"widgets_values": [30]},
    {"widgets_values": [30, 7], "properties": {"proxyWidgets": [["-1", "steps"], ["3", "seed"]]}},
    {"widgets_values": [7], "properties": {"proxyWidgets": [["8", "$$preview"], ["3", "seed"]]}},
    {"widgets_values": [7, 30], "properties": {"proxyWidgets": '[["3", "seed"], ["-1", "steps"]]'}},
    {},
]
SAVED: dict[str, Callable[[], Saved]] = {
    "plain": text_to_image,
    "choices": resized,
    "by name": by_name,
    **{f"host {at}": lambda host=host: in_subgraph(**host) for at, host in enumerate(HOSTS)},  # type: ignore[misc]
}


def changed(content: Json) -> Json:
    """The graph with other values everywhere, and choices as they were."""
    other = copy.deepcopy(content)
    for item in other.values():
        for name, value in item["inputs"].items():
            if type(value) in (int, float):
                item["inputs"][name] = value + 1
            elif name in ("text", "filename_prefix"):
                item["inputs"][name] = f"{value}, changed"
    return other


@pytest.mark.parametrize("name", SAVED)
def test_a_workflow_that_is_made_opens_as_its_graph(name: str) -> None:
    content = api(SAVED[name]())
    made = made_of(content, CATALOGUE)
    assert api(made) == content
    assert len({tuple(item["pos"]) for item in made["nodes"]}) == len(content), "one lies on another"


@pytest.mark.parametrize("name", SAVED)
def test_the_saved_workflow_gets_the_values_of_the_run(name: str) -> None:
    saved = SAVED[name]().json()
    content = changed(api(copy.deepcopy(saved)))
    assert api(fill(saved, content, CATALOGUE)) == content


def test_values_that_are_shared_by_hosts_stay_as_they_were_saved() -> None:
    saved = in_subgraph(widgets_values=[30])
    saved.node(51, "a-uuid", [40])
    saved.nodes["51"]["inputs"] = copy.deepcopy(saved.nodes["50"]["inputs"])
    saved.link(51, 0, saved.node(10, "SaveImage", ["fox"]), "images")
    before = api(saved)
    content = changed(before)
    after = api(fill(saved.json(), content, CATALOGUE))
    assert (after["50:3"]["inputs"]["steps"], after["51:3"]["inputs"]["steps"]) == (31, 41)
    assert after["50:3"]["inputs"]["seed"] == before["50:3"]["inputs"]["seed"]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda saved: saved.nodes["3"].update(widgets_values=[1, 2]), [1, 2]),
        (lambda saved: saved.nodes["3"].update(widgets_values=None), None),
        (lambda saved: saved.nodes["3"].update(type="Other"), [1566802, "randomize", 20, 8, "euler", "normal", 1]),
    ],
)
def test_values_of_unknown_places_are_left_alone(change: Callable[[Saved], object], kept: Any) -> None:
    saved = text_to_image()
    change(saved)
    filled = fill(saved.json(), changed(TEXT_TO_IMAGE_API), CATALOGUE)
    assert next(item for item in filled["nodes"] if item["id"] == 3)["widgets_values"] == kept


def test_a_graph_of_unknown_classes_and_odd_ids_becomes_a_workflow_all_the_same() -> None:
    content = {
        "12:5": node("Unknown", "Mine", text="a fox", listed={"__value__": [1, 2]}, gone=["99", 0]),
        "7": node("Other", first=["12:5", 3], itself=["7", 0], odd=["12:5", -1], far=["12:5", 10**9]),
        "9" * 40: node("Other"),
    }
    made = made_of(content, {})
    assert [item["id"] for item in made["nodes"]] == ["12:5", 7, "9" * 40]
    assert made["nodes"][0]["widgets_values"] == ["a fox", [1, 2]]
    assert made["nodes"][0]["title"] == "Mine"
    assert made["last_node_id"] == 7


def test_what_is_too_large_is_not_carried() -> None:
    assert unpack(as_text(pack(SAVED["plain"]().json()) or b"")) == SAVED["plain"]().json()
    noise = [hash((number, "noise")) for number in range(MAX_PACKED)]
    assert pack({"nodes": [], "noise": noise}) is None


@pytest.mark.parametrize("odd", [None, 7, "", "%", "AAAA", as_text(b"x"), as_text(pack({"no": "nodes"}) or b"")])
def test_what_cannot_be_read_is_none(odd: Any) -> None:
    assert unpack(odd) is None


async def test_nodes_that_read_the_workflow_find_themselves_in_one(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    content = graph(n2=node("ReadWorkflow"))
    outcome = await run(connector, content, tmp_path)
    assert [content_of(file) for file in outcome.files] == [PNG]
    sent = comfy.bodies("/prompt")[0]["extra_data"]["extra_pnginfo"]["workflow"]
    assert [item["type"] for item in sent["nodes"]] == [item["class_type"] for item in content.values()]


async def test_the_saved_workflow_is_sent_where_there_is_one(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    await connector.capabilities()
    saved = {"nodes": [{"id": 2, "type": "ShowText", "widgets_values": ["a fox"]}, {"id": 1, "type": "Note"}]}
    payload = {"workflow": {"2": node("ShowText", text="a red fox")}, "saved_workflow": as_text(pack(saved) or b"")}
    await connector.run(make_ticket("comfyui", payload), RecordingContext(tmp_path))
    sent = comfy.bodies("/prompt")[0]["extra_data"]["extra_pnginfo"]["workflow"]
    assert sent["nodes"] == [{"id": 2, "type": "ShowText", "widgets_values": ["a red fox"]}, {"id": 1, "type": "Note"}]
