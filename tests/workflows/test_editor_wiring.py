"""Links lead through reroutes, primitives, named and broadcast connections, and bypassed nodes, at a bounded cost."""

from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.effort import calls_of
from tests.workflows.conversion import CATALOGUE, api, known, problems
from tests.workflows.saved import TEXT_TO_IMAGE_API, Saved, in_subgraph, info, text_to_image

from emprops.connectors.comfyui.catalogue import pack, read_catalogue, unpack
from emprops.workflows.editor.convert import Converted, Remark, convert


@pytest.mark.parametrize("mode", [0, 2, 4])
def test_a_primitive_gives_its_value_whatever_its_mode(mode: int) -> None:
    saved = text_to_image()
    saved.node(32, "PrimitiveNode", [77, "fixed"], mode=mode)
    saved.node(33, "Reroute")
    saved.link(32, 0, 33, "")
    saved.link(33, 0, 3, "seed", "INT")
    assert api(saved)["3"]["inputs"]["seed"] == 77
    saved.nodes["32"]["widgets_values"] = []
    assert api(saved)["3"]["inputs"]["seed"] == 1566802, "one without a value shows that of the widget"


def test_a_widget_whose_source_is_muted_has_its_own_value() -> None:
    saved = text_to_image()
    saved.node(60, "Number", [7], mode=2)
    saved.link(60, 0, 3, "seed", "INT")
    graph = api(saved, known({"Number": info({"value": ["INT"]})}))
    assert graph["3"]["inputs"]["seed"] == 1566802


def broadcast(**more: Any) -> dict[str, Any]:
    return {"upstream": "4", "upstream_slot": 0, "downstream": 3, "downstream_slot": 0, "type": "MODEL", **more}


def everywhere(*links: Any, model: Any = None) -> dict[str, Any]:
    saved = text_to_image()
    saved.node(60, "Anything Everywhere")
    saved.link(4, 0, 60, "anything", "*")
    saved.nodes["3"]["inputs"][0]["link"] = model
    data = saved.json()
    data["extra"]["ue_links"] = list(links)
    return data


def test_connections_to_everywhere_are_followed() -> None:
    assert api(everywhere(broadcast(), {"downstream": 3}, None)) == TEXT_TO_IMAGE_API
    assert "its input model is not connected" in str(convert(everywhere(), CATALOGUE).problems[0])
    assert "its input model is not connected" in str(
        convert(everywhere(broadcast(downstream=99)), CATALOGUE).problems[0]
    )


def test_a_connection_to_everywhere_into_a_widget_that_the_file_leaves_out() -> None:
    data = everywhere(broadcast(), broadcast(upstream="61", downstream_slot=4, type="INT"))
    data["nodes"].append({"id": 61, "type": "Number", "widgets_values": [7]})
    catalogue = known({"Number": info({"value": ["INT"]})})
    assert api(data, catalogue)["3"]["inputs"]["seed"] == ["61", 0], "widgets come behind what can only be linked"


def test_a_connection_to_everywhere_into_a_subgraph() -> None:
    saved = in_subgraph()
    saved.nodes["50"]["inputs"] = [slot for slot in saved.nodes["50"]["inputs"] if slot["name"] != "model"]
    data = saved.json()
    data["extra"]["ue_links"] = [broadcast(downstream="50")]
    assert api(data)["50:3"]["inputs"]["model"] == ["4", 0]


def test_a_connection_to_everywhere_takes_the_place_of_a_muted_node() -> None:
    data = everywhere(broadcast(), model=900)
    data["nodes"].append(
        {"id": 70, "type": "CheckpointLoaderSimple", "mode": 2, "widgets_values": ["sd15.safetensors"]}
    )
    data["links"].append([900, 70, 0, 3, 0, "MODEL"])
    assert api(data) == TEXT_TO_IMAGE_API
    data["nodes"][-1]["mode"] = 0
    assert api(data)["3"]["inputs"]["model"] == ["70", 0], "what is connected by hand counts"


def test_a_connection_to_everywhere_within_a_subgraph_and_out_of_it() -> None:
    saved = in_subgraph()
    definition = saved.subgraphs[0]
    definition["links"] = [link for link in definition["links"] if link["target_id"] != -20]
    definition["nodes"][1]["inputs"][1]["link"] = None
    vae = broadcast(upstream=-10, upstream_slot=4, downstream=8, downstream_slot=1, type="VAE")
    image = broadcast(upstream=8, downstream=-20, type="IMAGE")
    definition["extra"] = {"ue_links": [vae, image]}
    graph = api(saved)
    assert graph["50:8"]["inputs"]["vae"] == ["4", 2]
    assert graph["9"]["inputs"]["images"] == ["50:8", 0]


def test_names_are_looked_up_outside_of_a_subgraph_too_and_a_muted_setter_is_the_second_choice() -> None:
    saved = in_subgraph()
    saved.node(40, "SetNode", ["VAE"])
    saved.link(4, 2, 40, "*")
    saved.node(39, "SetNode", ["VAE"], mode=2)
    saved.link(5, 0, 39, "*")
    definition = saved.subgraphs[0]
    definition["nodes"].append({"id": 41, "type": "GetNode", "widgets_values": ["VAE"], "outputs": [{"type": "*"}]})
    definition["links"] = [link for link in definition["links"] if link["target_id"] != 8 or link["origin_id"] != -10]
    definition["links"].append({"id": 300, "origin_id": 41, "origin_slot": 0, "target_id": 8, "target_slot": 1})
    definition["nodes"][1]["inputs"][1]["link"] = 300
    assert api(saved)["50:8"]["inputs"]["vae"] == ["4", 2]
    del saved.nodes["40"]
    assert api(saved)["50:8"]["inputs"]["vae"] == ["5", 0]


@pytest.mark.parametrize(
    ("inputs", "wanted", "chosen"),
    [
        (["MASK", "IMAGE"], "IMAGE", 1),
        (["IMAGE", "IMAGE"], "IMAGE", 0),
        (["MASK,image", "IMAGE"], "IMAGE", 0),
        (["MASK", "LATENT,IMAGE", "IMAGE"], "IMAGE", 2),
        (["MASK", "MASK"], "*", 0),
        (["MASK", "*"], "IMAGE", 1),
        (["MASK"], "IMAGE", None),
    ],
)
def test_a_bypassed_node_lets_an_input_of_the_wanted_type_through(
    inputs: list[str], wanted: str, chosen: int | None
) -> None:
    saved = Saved()
    saved.node(9, "Save")
    for number, kind in enumerate(inputs):
        saved.node(20 + number, "Source")
        saved.nodes.setdefault("10", {})
        if number == 0:
            saved.node(10, "Unknown", mode=4)
            saved.nodes["10"]["outputs"] = [{"name": "out", "type": "IMAGE"}]
        saved.link(20 + number, 0, 10, f"in{number}", kind)
    saved.link(10, 0, 9, "any", wanted)
    catalogue = read_catalogue({"Save": info({}, {"any": [wanted]}, output=True), "Source": info({})})
    inputs_of_save = api(saved, catalogue)["9"]["inputs"]
    assert inputs_of_save == ({} if chosen is None else {"any": [str(20 + chosen), 0]})


def test_reroutes_in_a_circle() -> None:
    saved = text_to_image()
    saved.node(80, "Reroute")
    saved.node(81, "Reroute")
    saved.link(80, 0, 81, "")
    saved.link(81, 0, 80, "")
    saved.link(80, 0, 8, "vae")
    assert "its input vae comes from a node that is" in problems(saved)[0]


def chain(setters: int, readers: int) -> Saved:
    """Named connections in a row, and nodes that all read the last one."""
    saved = text_to_image()
    saved.node(1000, "SetNode", ["0"])
    saved.link(8, 0, 1000, "*")
    for number in range(1, setters):
        saved.node(1000 + number, "SetNode", [str(number)])
        saved.node(2000 + number, "GetNode", [str(number - 1)])
        saved.link(2000 + number, 0, 1000 + number, "*")
    for number in range(readers):
        saved.node(4000 + number, "GetNode", [str(setters - 1)])
        saved.node(5000 + number, "SaveImage", ["fox"])
        saved.link(4000 + number, 0, 5000 + number, "images")
    return saved


def test_a_long_row_of_named_connections_costs_its_readers_nothing() -> None:
    converted = convert(chain(90, 800).json(), CATALOGUE)
    assert converted.problems == []
    assert converted.graph["5799"]["inputs"]["images"] == ["8", 0]
    short, long = (calls_of(partial(convert, chain(setters, 800).json(), CATALOGUE)) for setters in (10, 90))
    assert long < 1.2 * short, "the row is gone along once, not once for each reader"


def test_what_costs_too_much_is_refused() -> None:
    saved = text_to_image()
    saved.node(70, "SaveImage", inputs=[{"name": f"more{n}", "type": f"T{n}", "link": None} for n in range(500)])
    bypassed = [{"name": f"in{number}", "type": "MASK", "link": None} for number in range(5000)]
    saved.node(10, "Unknown", mode=4, inputs=bypassed, outputs=[{"name": "out", "type": "IMAGE"}])
    for number in range(500):
        saved.link(10, 0, 70, f"more{number}", "IMAGE")
    refused = ["its links lead through too many reroutes, subgraphs and named connections"]
    assert calls_of(lambda: refused.remove(problems(saved)[0])) < 1_000_000
    assert refused == []


def test_too_many_nodes() -> None:
    nodes = [{"id": number, "type": "Note"} for number in range(2001)]
    assert "at most 2000" in str(convert({"nodes": nodes}, CATALOGUE).problems[0])


NAMES = st.sampled_from(["id", "type", "nodes", "links", "inputs", "link", "name", "ue_links"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(allow_nan=False) | st.sampled_from(["KSampler", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
PLACES = ("nodes", "links", "definitions", "mode", "inputs", "outputs", "widgets_values", "properties", "type", "id")
MORE_PLACES = (*PLACES, "widgets_values_named", "extra")


@given(st.data())
def test_whatever_a_file_holds_there_is_an_answer(data: st.DataObject) -> None:
    saved = in_subgraph().json()
    for _ in range(data.draw(st.integers(1, 4))):
        target: Any = data.draw(st.sampled_from([saved, *saved["nodes"], *saved["definitions"]["subgraphs"]]))
        if isinstance(target, dict) and target is not saved:
            target[data.draw(st.sampled_from(MORE_PLACES))] = data.draw(JUNK)
    converted = convert(saved, CATALOGUE)
    assert isinstance(converted, Converted)
    assert all(isinstance(remark, Remark) for remark in (*converted.problems, *converted.warnings))
    orjson.dumps(converted.graph)


SPEC_NAMES = (
    "required",
    "optional",
    "template",
    "options",
    "key",
    "inputs",
    "input",
    "default",
    "names",
    "min",
    "remote",
)
SPECS = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["INT", "COMBO", "COMFY_AUTOGROW_V3", "COMFY_DYNAMICCOMBO_V3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SPEC_NAMES), inner, max_size=4),
    max_leaves=20,
)


@given(JUNK | SPECS, SPECS)
def test_whatever_a_machine_says_there_is_a_catalogue(junk: Any, spec: Any) -> None:
    inputs = {"required": {"seed": junk, "mode": ["COMFY_DYNAMICCOMBO_V3", spec], "grow": ["COMFY_AUTOGROW_V3", spec]}}
    classes = {"KSampler": junk, "VAEDecode": {"input": junk, "input_order": junk}, "SaveImage": {"input": inputs}}
    catalogue = read_catalogue(classes)
    assert unpack(pack(catalogue)) == catalogue
    convert(text_to_image().json(), catalogue)
