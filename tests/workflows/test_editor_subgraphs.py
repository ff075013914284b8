"""Subgraphs are laid out in the place of their hosts, with what the hosts are connected to and the values they show."""

import copy
from typing import Any

import orjson
import pytest
from tests.workflows.conversion import api, problems
from tests.workflows.saved import INPUTS, TEXT_TO_IMAGE_API, Saved, in_subgraph, text_to_image


def laid_out(*, steps: int, seed: int = 5) -> dict[str, Any]:
    expected = copy.deepcopy(TEXT_TO_IMAGE_API)
    sampler, decoder = expected.pop("3"), expected.pop("8")
    sampler["inputs"] |= {"seed": seed, "steps": steps}
    decoder["inputs"]["samples"] = ["50:3", 0]
    expected["9"]["inputs"]["images"] = ["50:8", 0]
    return expected | {"50:3": sampler, "50:8": decoder}


def shows(*names: list[str]) -> dict[str, Any]:
    return {"proxyWidgets": list(names)}


@pytest.mark.parametrize(
    ("node", "steps", "seed"),
    [
        ({}, 20, 5),
        ({"values": []}, 20, 5),
        ({"values": [None]}, 20, 5),
        ({"values": [33]}, 33, 5),
        ({"values": [33, 1]}, 33, 5),
        ({"values": {"steps": 33}}, 33, 5),
        ({"values": [33, 44], "properties": shows(["-1", "steps"], ["3", "seed"])}, 33, 44),
        ({"values": [44, 33], "properties": shows(["3", "seed"], ["3", "steps"])}, 33, 44),
        ({"values": [44], "properties": shows(["3", "seed"], ["3", "steps"])}, 20, 44),
        ({"values": [], "properties": shows(["3", "steps"])}, 20, 5),
        ({"values": [44, 33], "properties": shows(["3", "$$preview"], ["3", "seed"], ["-1", "steps"])}, 33, 44),
        ({"values": [None, 44, 33], "properties": shows(["3", "$$preview"], ["3", "seed"], ["3", "steps"])}, 33, 44),
        ({"values": [44], "properties": {"proxyWidgets": '[["3", "seed"]]'}}, 20, 44),
        ({"values": [44], "properties": shows(["3", "3: seed"])}, 20, 44),
        ({"values": [44, 33], "properties": shows(["77", "seed"], ["-1", "nothing"])}, 20, 5),
        ({"values": [33], "properties": {"proxyWidgets": "["}}, 33, 5),
        ({"values": [33], "properties": {"proxyWidgets": 7}}, 33, 5),
    ],
)
def test_a_host_shows_values_of_its_own(node: dict[str, Any], steps: int, seed: int) -> None:
    assert api(in_subgraph(**node)) == laid_out(steps=steps, seed=seed)


def test_values_of_a_host_follow_the_inputs_of_the_definition_not_its_own() -> None:
    saved = in_subgraph(values=[33, 44])
    definition = saved.subgraphs[0]
    definition["inputs"].append({"name": "seed", "type": "INT"})
    link = {"id": 200, "origin_id": -10, "origin_slot": 6, "target_id": 3, "target_slot": 5, "type": "INT"}
    definition["links"].append(link)
    definition["nodes"][0]["inputs"].append({"name": "seed", "type": "INT", "link": 200, "widget": {"name": "seed"}})
    host = saved.nodes["50"]
    host["inputs"] = [{"name": "seed", "type": "INT", "link": None}, *reversed(host["inputs"])]
    assert api(saved) == laid_out(steps=33, seed=44)


def test_saved_names_of_a_hosts_values_count() -> None:
    saved = in_subgraph(values=["old", 33], widgets_values_named={"gone": "old", "steps": 33})
    assert api(saved) == laid_out(steps=33)


@pytest.mark.parametrize("proxies", [None, [["3", "steps"]]])
def test_inputs_that_a_file_leaves_out_of_the_host_do_not_shift_the_others(proxies: Any) -> None:
    properties = {} if proxies is None else {"proxyWidgets": proxies}
    saved = in_subgraph(values=[33], properties=properties, inputs=[INPUTS[-1], *INPUTS[:-1]])
    host = saved.nodes["50"]
    host["inputs"] = [slot for slot in host["inputs"] if slot["name"] != "steps"]
    assert api(saved) == laid_out(steps=33)


def test_a_link_to_a_host_wins_over_its_value() -> None:
    saved = in_subgraph(values=[33])
    saved.node(60, "PrimitiveNode", [12, "fixed"])
    saved.link(60, 0, 50, "steps")
    assert api(saved) == laid_out(steps=12)


def nested(inner: dict[str, Any], outer: dict[str, Any]) -> Saved:
    """The sampler and the decoder within node 7 of the subgraph that node 50 stands for."""
    saved = in_subgraph(**outer)
    middle = Saved()
    middle.node(7, "a-uuid", **inner)
    middle.nodes["7"]["inputs"] = [{"name": name, "type": kind, "link": None} for name, kind in INPUTS]
    middle.nodes["7"]["inputs"][-1]["widget"] = {"name": "steps"}
    for slot, (name, _) in enumerate(INPUTS):
        middle.link(-10, slot, 7, name)
    middle.links.append([98, 7, 0, -20, 0, "IMAGE"])
    saved.subgraphs.append(middle.definition("b-uuid", INPUTS, ["IMAGE"]))
    saved.nodes["50"]["type"] = "b-uuid"
    return saved


@pytest.mark.parametrize(
    ("inner", "outer", "steps", "seed"),
    [
        ({}, {}, 20, 5),
        ({"values": [30]}, {}, 30, 5),
        ({"values": [30]}, {"values": [40]}, 40, 5),
        ({"values": [30]}, {"values": [40], "properties": shows(["7", "steps"])}, 40, 5),
        ({"values": [30], "properties": shows(["3", "seed"])}, {}, 20, 30),
        (
            {"values": [30], "properties": shows(["3", "seed"])},
            {"values": [40], "properties": shows(["7", "seed"])},
            20,
            40,
        ),
        (
            {"values": [30], "properties": shows(["3", "seed"])},
            {"values": [40], "properties": shows(["7", "seed", "3"])},
            20,
            40,
        ),
        ({}, {"values": [40], "properties": shows(["7", "3: seed"])}, 20, 40),
    ],
)
def test_the_outermost_value_counts(inner: dict[str, Any], outer: dict[str, Any], steps: int, seed: int) -> None:
    graph = api(nested(inner, outer))
    sampler = graph["50:7:3"]["inputs"]
    assert (sampler["steps"], sampler["seed"]) == (steps, seed)
    assert sampler["model"] == ["4", 0]
    assert graph["9"]["inputs"]["images"] == ["50:7:8", 0]


def test_a_value_for_a_primitive_within() -> None:
    saved = in_subgraph(values=[44], properties=shows(["60", "value"]))
    inner = Saved()
    inner.node(60, "PrimitiveNode", [1, "fixed"])
    definition = saved.subgraphs[0]
    definition["nodes"] += inner.nodes.values()
    slot = {"name": "seed", "type": "INT", "link": 200, "widget": {"name": "seed"}}
    definition["nodes"][0]["inputs"].append(slot)
    definition["links"].append(
        {"id": 200, "origin_id": 60, "origin_slot": 0, "target_id": 3, "target_slot": 5, "type": "INT"}
    )
    assert api(saved) == laid_out(steps=20, seed=44)
    saved.nodes["50"]["widgets_values"] = []
    assert api(saved) == laid_out(steps=20, seed=1)


def test_a_bypassed_host_lets_the_input_of_the_outputs_number_through() -> None:
    saved = text_to_image()
    inner = Saved()
    inner.node(1, "ImageScaleBy", ["lanczos", 2])
    inner.link(-10, 1, 1, "image")
    inner.links.append([99, 1, 0, -20, 0, "IMAGE"])
    saved.subgraphs = [inner.definition("scale", [("factor", "FLOAT"), ("image", "IMAGE")], ["IMAGE"])]
    saved.node(50, "scale", mode=4)
    saved.nodes["50"]["inputs"] = [{"name": "image", "type": "IMAGE", "link": None}]
    saved.link(8, 0, 50, "image")
    saved.link(50, 0, 9, "images")
    assert api(saved)["9"]["inputs"]["images"] == ["8", 0]


def test_a_subgraph_that_contains_itself_is_refused() -> None:
    saved = in_subgraph()
    inner = Saved()
    inner.node(1, "a-uuid")
    saved.subgraphs = [inner.definition("a-uuid", INPUTS, ["IMAGE"])]
    assert "more than" in problems(saved)[0]


def test_a_subgraph_used_twice_has_the_values_of_each_host() -> None:
    saved = in_subgraph(values=[33])
    second = orjson.loads(orjson.dumps(saved.nodes["50"])) | {"id": 51, "widgets_values": [44]}
    saved.nodes["51"] = second
    saved.node(10, "SaveImage", ["second"])
    saved.link(51, 0, 10, "images")
    graph = api(saved)
    assert graph["50:3"]["inputs"]["steps"] == 33
    assert graph["51:3"]["inputs"]["steps"] == 44
