"""Saved workflows become what ComfyUI's server runs, or say which node keeps them from it."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, Saved, finished, text_to_image

from emprops.connectors.comfyui.catalogue import CatalogueError, pack, read_catalogue, unpack
from emprops.workflows import comfy_graph
from emprops.workflows.editor.convert import Converted, Problem, convert

CATALOGUE = read_catalogue(OBJECT_INFO)


def api(saved: Saved | dict[str, Any]) -> dict[str, Any]:
    data = saved.json() if isinstance(saved, Saved) else saved
    converted = convert(data, CATALOGUE)
    assert converted.problems == [], converted.problems
    assert comfy_graph.find_problems(converted.graph) == []
    return converted.graph


def problems(saved: Saved) -> list[str]:
    return [str(problem) for problem in convert(saved.json(), CATALOGUE).problems]


def without_titles(graph: dict[str, Any]) -> dict[str, Any]:
    return {node: {k: v for k, v in content.items() if k != "_meta"} for node, content in graph.items()}


def test_text_to_image() -> None:
    assert api(text_to_image()) == TEXT_TO_IMAGE_API


def test_it_needs_no_more_than_a_packed_catalogue() -> None:
    packed = pack(CATALOGUE)
    assert unpack(packed) == CATALOGUE
    assert b"sdxl" not in orjson.dumps(CATALOGUE), "what else the machine has is nobody's business"
    for junk in (b"", b"junk", packed[: len(packed) // 2], pack({})[:-1] + b"x"):
        with pytest.raises(CatalogueError):
            unpack(junk)


def test_image_to_image_with_the_button_of_the_upload() -> None:
    saved = text_to_image()
    saved.node(10, "LoadImage", ["fox.png", "image"])
    saved.node(11, "VAEEncode")
    saved.node(12, "LoadImageMask", ["mask.png", "red", "image"])
    saved.link(10, 0, 11, "pixels")
    saved.link(4, 2, 11, "vae")
    saved.link(11, 0, 3, "latent_image")
    graph = api(saved)
    assert graph["10"]["inputs"] == {"image": "fox.png"}
    assert graph["3"]["inputs"]["latent_image"] == ["11", 0]
    assert "5" not in graph, "what leads to no output is left out"
    assert "12" not in graph


def test_a_chain_of_loras_one_of_them_bypassed() -> None:
    saved = Saved()
    saved.node(4, "CheckpointLoaderSimple", ["sd15.safetensors"])
    saved.node(20, "LoraLoader", ["fox.safetensors", 0.8, 0.7])
    saved.node(21, "LoraLoader", ["fox.safetensors", 0.5, 0.5], mode=4)
    for number, (before, after) in enumerate([(4, 20), (20, 21)]):
        saved.link(before, 0, after, "model", str(number))
        saved.link(before, 1, after, "clip")
    graph = api(finished(saved, 21))
    assert graph["20"]["inputs"] == {
        "model": ["4", 0],
        "clip": ["4", 1],
        "lora_name": "fox.safetensors",
        "strength_model": 0.8,
        "strength_clip": 0.7,
    }
    assert graph["3"]["inputs"]["model"] == ["20", 0]
    assert graph["6"]["inputs"]["clip"] == ["20", 1], "the second output of a bypassed node is its second input"
    assert "21" not in graph


def test_reroutes_primitives_converted_widgets_and_notes() -> None:
    saved = text_to_image()
    saved.node(30, "Reroute")
    saved.node(31, "Reroute")
    saved.link(4, 2, 30, "")
    saved.link(30, 0, 31, "")
    saved.link(31, 0, 8, "vae")
    saved.node(32, "PrimitiveNode", [77, "fixed"])
    saved.link(32, 0, 3, "seed", "INT")
    saved.node(33, "Note", ["Use any seed."])
    saved.node(34, "MarkdownNote", ["# Use"])
    graph = api(saved)
    assert graph["8"]["inputs"]["vae"] == ["4", 2]
    assert graph["3"]["inputs"]["seed"] == 77
    assert graph["3"]["inputs"]["steps"] == 20, "the value of a converted widget keeps its place"
    assert without_titles(graph).keys() == without_titles(TEXT_TO_IMAGE_API).keys()


def test_nodes_that_are_connected_by_name() -> None:
    saved = text_to_image()
    saved.node(40, "SetNode", ["VAE"])
    saved.node(41, "GetNode", ["VAE"])
    saved.link(4, 2, 40, "*")
    saved.link(41, 0, 8, "vae")
    assert api(saved)["8"]["inputs"]["vae"] == ["4", 2]


def subgraph(**node: Any) -> Saved:
    """The default workflow with sampler and decoder in a subgraph, twice as deep as needed."""
    inner = Saved()
    inner.node(3, "KSampler", [5, "fixed", 20, 8, "euler", "normal", 1])
    inner.node(8, "VAEDecode")
    for slot, (name, kind) in enumerate(INPUTS[:4]):
        inner.link(-10, slot, 3, name, kind)
    inner.link(-10, 4, 8, "vae")
    inner.link(-10, 5, 3, "steps", "INT")
    inner.link(3, 0, 8, "samples")
    inner.links.append([99, 8, 0, -20, 0, "IMAGE"])
    saved = text_to_image()
    for gone in ("3", "8"):
        del saved.nodes[gone]
    saved.links = [link for link in saved.links if not {3, 8} & {link[1], link[3]}]
    saved.subgraphs = [inner.definition("a-uuid", INPUTS, ["IMAGE"])]
    saved.node(50, "a-uuid", **node)
    saved.nodes["50"]["inputs"] = [{"name": name, "type": kind, "link": None} for name, kind in INPUTS]
    saved.nodes["50"]["inputs"][5]["widget"] = {"name": "steps"}
    for (name, _), (origin, slot) in zip(INPUTS, [(4, 0), (6, 0), (7, 0), (5, 0), (4, 2)], strict=False):
        saved.link(origin, slot, 50, name)
    saved.link(50, 0, 9, "images")
    return saved


INPUTS = [
    ("model", "MODEL"),
    ("positive", "CONDITIONING"),
    ("negative", "CONDITIONING"),
    ("latent_image", "LATENT"),
    ("vae", "VAE"),
    ("steps", "INT"),
]


@pytest.mark.parametrize(
    ("node", "steps", "seed"),
    [
        ({}, 20, 5),
        ({"values": [33]}, 33, 5),
        ({"values": [33, 1]}, 20, 5),
        ({"values": [33, 44], "properties": {"proxyWidgets": [["-1", "steps"], ["3", "seed"]]}}, 33, 44),
        ({"values": [], "properties": {"proxyWidgets": [["3", "steps"]]}}, 20, 5),
    ],
)
def test_subgraphs_are_laid_out(node: dict[str, Any], steps: int, seed: int) -> None:
    graph = api(subgraph(**node))
    expected = copy.deepcopy(TEXT_TO_IMAGE_API)
    sampler, decoder = expected.pop("3"), expected.pop("8")
    sampler["inputs"] |= {"seed": seed, "steps": steps}
    decoder["inputs"]["samples"] = ["50:3", 0]
    expected["9"]["inputs"]["images"] = ["50:8", 0]
    assert graph == expected | {"50:3": sampler, "50:8": decoder}


def test_a_subgraph_within_a_subgraph() -> None:
    saved = subgraph()
    outer = Saved()
    outer.node(7, "a-uuid")
    outer.nodes["7"]["inputs"] = [{"name": name, "type": kind, "link": None} for name, kind in INPUTS]
    for slot, (name, _) in enumerate(INPUTS):
        outer.link(-10, slot, 7, name)
    outer.links.append([98, 7, 0, -20, 0, "IMAGE"])
    saved.subgraphs.append(outer.definition("b-uuid", INPUTS, ["IMAGE"]))
    saved.nodes["50"]["type"] = "b-uuid"
    graph = api(saved)
    assert graph["50:7:3"]["inputs"]["model"] == ["4", 0]
    assert graph["50:7:3"]["inputs"]["steps"] == 20
    assert graph["9"]["inputs"]["images"] == ["50:7:8", 0]


def test_a_subgraph_that_contains_itself_is_refused() -> None:
    saved = subgraph()
    inner = Saved()
    inner.node(1, "a-uuid")
    saved.subgraphs = [inner.definition("a-uuid", INPUTS, ["IMAGE"])]
    assert "more than" in problems(saved)[0]


def test_values_by_name_choices_that_bring_inputs_lists_and_inputs_of_this_node_alone() -> None:
    saved = text_to_image()
    saved.node(60, "ResizeV3", ["to", 320, 200])
    saved.node(61, "BatchImages")
    saved.node(62, "VHS_VideoCombine", {"frame_rate": 12, "format": "image/gif", "videopreview": {"params": {}}})
    saved.node(63, "Multi", [["a", "b"]])
    saved.nodes["61"]["inputs"].append({"name": "image1", "type": "IMAGE", "link": None})
    saved.link(8, 0, 60, "image")
    saved.link(60, 0, 61, "image0")
    saved.link(8, 0, 61, "image1")
    saved.link(61, 0, 62, "images")
    graph = api(saved)
    assert graph["60"]["inputs"] == {"image": ["8", 0], "mode": "to", "mode.width": 320, "mode.height": 200}
    assert graph["61"]["inputs"] == {"image0": ["60", 0], "image1": ["8", 0]}
    assert graph["62"]["inputs"] == {"images": ["61", 0], "frame_rate": 12, "format": "image/gif"}
    assert graph["63"]["inputs"] == {"tags": {"__value__": ["a", "b"]}}, "a plain list would be a link"


def test_values_that_came_later_get_their_defaults() -> None:
    saved = text_to_image()
    saved.nodes["3"]["widgets_values"] = [1, "fixed", 20, 8, "euler", "normal"]
    assert api(saved)["3"]["inputs"]["denoise"] == 1.0


class TestProblems:
    def test_an_unknown_class_is_named_with_its_node(self) -> None:
        saved = text_to_image()
        saved.node(70, "FaceDetailer", [1, 2])
        saved.nodes["70"]["inputs"] = [{"name": "image", "type": "IMAGE", "link": None}]
        saved.link(8, 0, 70, "image")
        saved.link(70, 0, 9, "images")
        saved.node(71, "Nowhere")
        saved.node(72, "workflow/old")
        assert problems(saved) == [
            "node 70 (FaceDetailer): no such node class is on the machine; install its pack, or take the node out",
            "node 71 (Nowhere): no such node class is on the machine; install its pack, or take the node out",
            "node 72 (workflow/old): group nodes are not converted; make a subgraph of it in the editor",
        ]

    def test_an_unknown_class_that_leads_nowhere_that_matters_is_none(self) -> None:
        saved = text_to_image()
        saved.node(70, "Unknown")
        saved.node(71, "ImageScaleBy", ["lanczos", 2])
        saved.link(70, 0, 71, "image")
        api(saved)

    @pytest.mark.parametrize(
        ("mode", "says"),
        [
            (0, "its input vae is not connected"),
            (2, "its input vae comes from a node that is muted, bypassed or missing"),
            (4, "its input vae comes from a node that is muted, bypassed or missing"),
        ],
    )
    def test_a_required_input_without_anything(self, mode: int, says: str) -> None:
        saved = text_to_image()
        if mode:
            saved.node(70, "CheckpointLoaderSimple", ["sd15.safetensors"], mode=mode)
            saved.link(70, 2, 8, "vae")
        else:
            saved.nodes["8"]["inputs"][1]["link"] = None
        assert problems(saved) == [f"node 8 (VAEDecode): {says}"]

    @pytest.mark.parametrize(
        ("values", "says"),
        [
            ([1, "fixed", 20, 8, "euler", "normal", 1, "more"], "it has 8 saved values for 6 inputs"),
            ([1, "fixed", "euler", "normal", 20, 8, 1], "steps takes INT, not 'euler'"),
            ([1, "fixed", 20.5, 8, "euler", "normal", 1], "steps takes INT, not '20.5'"),
            ([True, "fixed", 20, 8, "euler", "normal", 1], "seed takes INT, not 'True'"),
            ([1, "fixed", 20, 8], "its input sampler_name has no value"),
        ],
    )
    def test_values_that_do_not_fit_the_class(self, values: list[Any], says: str) -> None:
        saved = text_to_image()
        saved.nodes["3"]["widgets_values"] = values
        found = problems(saved)
        assert found[0].startswith("node 3 (KSampler): ")
        assert says in found[0]

    def test_a_workflow_that_stores_nothing(self) -> None:
        saved = text_to_image()
        del saved.nodes["9"]
        assert "SaveImage" in problems(saved)[0]

    def test_reroutes_in_a_circle(self) -> None:
        saved = text_to_image()
        saved.node(80, "Reroute")
        saved.node(81, "Reroute")
        saved.link(80, 0, 81, "")
        saved.link(81, 0, 80, "")
        saved.link(80, 0, 8, "vae")
        assert "its input vae comes from a node that is" in problems(saved)[0]

    def test_too_many_nodes(self) -> None:
        nodes = [{"id": number, "type": "Note"} for number in range(2001)]
        assert "at most 2000" in str(convert({"nodes": nodes}, CATALOGUE).problems[0])


NAMES = st.sampled_from(["id", "type", "nodes", "links", "inputs", "link", "name"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(allow_nan=False) | st.sampled_from(["KSampler", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
PLACES = ("nodes", "links", "definitions", "mode", "inputs", "outputs", "widgets_values", "properties", "type", "id")


@given(st.data())
def test_whatever_a_file_holds_there_is_an_answer(data: st.DataObject) -> None:
    saved = subgraph().json()
    for _ in range(data.draw(st.integers(1, 4))):
        target: Any = data.draw(st.sampled_from([saved, *saved["nodes"], *saved["definitions"]["subgraphs"]]))
        if isinstance(target, dict) and target is not saved:
            target[data.draw(st.sampled_from(PLACES))] = data.draw(JUNK)
    converted = convert(saved, CATALOGUE)
    assert isinstance(converted, Converted)
    assert all(isinstance(problem, Problem) for problem in converted.problems)
    orjson.dumps(converted.graph)


@given(JUNK)
def test_whatever_a_machine_says_there_is_a_catalogue(junk: Any) -> None:
    catalogue = read_catalogue({"KSampler": junk, "VAEDecode": {"input": junk, "input_order": junk}})
    assert unpack(pack(catalogue)) == catalogue
    convert(text_to_image().json(), catalogue)
