"""What is read from a ComfyUI graph."""

import copy
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.graphs import CHECKPOINT, OCCASION, TEXT_TO_IMAGE, UPSCALER
from tests.workflows.labelled import classes

from emprops.connectors.comfyui.catalogue import Catalogue
from emprops.workflows import comfy_data, comfy_graph, service
from emprops.workflows.comfy_roles import BY_NAME
from emprops.workflows.kinds.base import FieldsError, PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.store import Workflow


def with_nodes(**nodes: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(TEXT_TO_IMAGE) | nodes


def fields_of(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in comfy_data.prepare(graph).data["form"]["fields"]}


def planned(data: Any, fields: dict[str, Any]) -> dict[str, Any]:
    workflow = Workflow(uuid4(), "w", "W", "comfy_workflow", data, "image/png")
    work = KINDS["comfy_workflow"].plan(workflow, fields, OCCASION)
    assert isinstance(work, PlannedWork)
    assert work.job_type == "comfyui"
    graph: dict[str, Any] = work.payload["workflow"]
    return graph


def test_names_node_classes_and_model_files() -> None:
    analysis = comfy_data.prepare(TEXT_TO_IMAGE).analysis
    assert analysis is not None
    assert analysis.node_classes == sorted({node["class_type"] for node in TEXT_TO_IMAGE.values()})
    assert [(use.name, use.node, use.class_type, use.input) for use in analysis.models] == [
        (CHECKPOINT.replace("\\", "/"), "4", "CheckpointLoaderSimple", "ckpt_name"),
        ("detail.safetensors", "10", "LoraLoader", "lora_name"),
        (UPSCALER, "12", "UpscaleModelLoader", "model_name"),
    ]
    assert analysis.models[0].names == ("SDXL/sd_xl_base_1.0.safetensors", "sd_xl_base_1.0.safetensors")


@pytest.mark.parametrize(
    ("name", "value", "is_model"),
    [
        ("clip_name2", "t5xxl_fp16", True),
        ("clip_name", "None", False),
        ("vae_name", "", False),
        ("whatever", "flux.gguf", True),
        ("text", "open foo.bin\nand look", False),
        ("text", "a picture", False),
        ("ckpt_name", ["4", 0], False),
        ("ckpt_name", 3, False),
    ],
)
def test_what_counts_as_a_model(name: str, value: Any, is_model: bool) -> None:
    graph = {"1": {"class_type": "Loader", "inputs": {name: value}}}
    assert bool(comfy_graph.models_of(graph)) is is_model


def test_proposes_a_form() -> None:
    fields = fields_of(TEXT_TO_IMAGE)
    assert list(fields) == [
        *("prompt", "negative_prompt", "seed", "steps", "cfg", "sampler_name", "scheduler"),
        *("width", "height", "batch_size", "lora_strength"),
    ]
    assert {name: field["type"] for name, field in fields.items()}["prompt"] == "prompt_editor"
    assert fields["prompt"]["default"] == "a quiet harbour"
    assert fields["negative_prompt"]["default"] == "blurry"
    assert "default" not in fields["seed"], "a seed that is not given must be drawn anew"
    assert fields["steps"] | {"name": ""} == {
        "id": "steps", "name": "", "display": True, "group": "main", "type": "slider", "default": 20,
        "constraints": {"min": 1, "max": 150, "step": 1},
    }  # fmt: skip
    assert fields["sampler_name"]["options"][0] == "euler"
    assert len(set(fields["sampler_name"]["options"])) == len(fields["sampler_name"]["options"])


def test_a_value_out_of_the_ordinary_widens_its_limits() -> None:
    graph = with_nodes()
    graph["5"]["inputs"] |= {"width": 8192, "height": 8}
    fields = fields_of(graph)
    assert fields["width"]["constraints"]["max"] == 8192
    assert fields["height"]["constraints"]["min"] == 8


def test_passes_that_share_a_value_share_a_field() -> None:
    graph = with_nodes()
    graph["20"] = copy.deepcopy(graph["3"])
    graph["20"]["inputs"] |= {"denoise": 0.5, "latent_image": ["3", 0]}
    data = comfy_data.prepare(graph).data
    result = planned(data, {"seed": 5, "denoise": 0.4})
    assert [result[node]["inputs"]["seed"] for node in ("3", "20")] == [5, 5]
    assert [result[node]["inputs"]["denoise"] for node in ("3", "20")] == [1, 0.4]


def test_prompts_are_told_apart_through_other_nodes_and_a_shared_one_is_a_prompt() -> None:
    graph = with_nodes()
    graph["30"] = {"class_type": "ControlNetApply", "inputs": {"conditioning": ["7", 0], "strength": 1}}
    graph["3"]["inputs"]["negative"] = ["30", 0]
    assert fields_of(graph)["negative_prompt"]["default"] == "blurry"
    graph["3"]["inputs"]["negative"] = ["6", 0]
    graph["3"]["inputs"]["positive"] = ["6", 0]
    assert fields_of(graph)["prompt"]["default"] == "a quiet harbour"


def test_a_picture_must_be_brought() -> None:
    graph = with_nodes(**{"40": {"class_type": "LoadImage", "inputs": {"image": "mine.png", "upload": "image"}}})
    data = comfy_data.prepare(graph).data
    assert service.check("comfy_workflow", data) == []
    with pytest.raises(FieldsError, match="image is required"):
        planned(data, {})
    assert planned(data, {"image": "https://x/y.png"})["40"]["inputs"]["image"] == "https://x/y.png"


@pytest.mark.parametrize("wrapped", [{"workflow": TEXT_TO_IMAGE}, {"prompt": TEXT_TO_IMAGE, "client_id": "x"}])
def test_a_wrapped_graph_is_the_same(wrapped: dict[str, Any]) -> None:
    data = comfy_data.prepare(wrapped).data
    plain = comfy_data.prepare(TEXT_TO_IMAGE).data
    assert {key: data[key] for key in plain} == plain


def test_a_node_may_be_called_workflow() -> None:
    graph = {"workflow": {"class_type": "SaveImage", "inputs": {}}}
    assert comfy_data.prepare(graph).data["workflow"] == graph


def test_what_is_given_stays() -> None:
    form = {"fields": [{"id": "words", "type": "input"}, {"id": "steps", "type": "number"}]}
    inputs = {"6": {"text": {"value": "words"}}}
    both = comfy_data.prepare({"workflow": TEXT_TO_IMAGE, "form": form, "inputs": inputs, "credits": 1}).data
    assert (both["form"], both["inputs"], both["credits"]) == (form, inputs, 1)
    only_form = comfy_data.prepare({"workflow": TEXT_TO_IMAGE, "form": form}).data
    assert only_form["inputs"] == {"3": {"steps": {"value": "steps", "is_required": False}}}
    only_inputs = comfy_data.prepare({"workflow": TEXT_TO_IMAGE, "inputs": inputs}).data
    assert [(item["id"], item["type"]) for item in only_inputs["form"]["fields"]] == [("words", "prompt_editor")]
    odd = {"10": {"lora_name": {"value": "style"}}, "12": {"model_name": {"value": "style"}}, "3": {"none": 1}}
    other = comfy_data.prepare({"workflow": TEXT_TO_IMAGE, "inputs": odd | {"3": {"cfg": {"value": "cfg"}}}}).data
    assert [(item["id"], item["type"]) for item in other["form"]["fields"]] == [("style", "input"), ("cfg", "slider")]
    for data in (both, only_form, only_inputs, other):
        assert service.check("comfy_workflow", data) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"nodes": [], "links": [], "version": 0.4}, "export it in API format"),
        ({"workflow": {"nodes": [{"id": 1}], "links": []}}, "export it in API format"),
        ({"1": {"inputs": {}}}, "node 1 of the graph needs class_type"),
        ({"1": {"class_type": "A", "inputs": []}}, "node 1 of the graph needs class_type and inputs"),
        ({"1": {"class_type": "A", "inputs": {"x": ["2", 0]}}}, "comes from node 2, which the graph does not have"),
        ({}, "workflow must be a ComfyUI graph"),
        ("graph", "data must be an object"),
        ({str(n): {"class_type": "A"} for n in range(2001)}, "1 to 2000 nodes"),
    ],
)
def test_graphs_that_cannot_be_used(data: Any, says: str) -> None:
    assert says in "; ".join(service.check("comfy_workflow", comfy_data.prepare(data).data))


LITERALS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = ("seed", "noise_seed", "steps", "cfg", "denoise", "width", "batch_size", "sampler_name", "scheduler", "image")
INPUTS = st.sampled_from([*BY_NAME, *NAMES, "ckpt_name", "other", "value", "switch", "lora_name", "noise"])
CLASSES = ("CLIPTextEncode", "KSampler", "KSamplerAdvanced", "PromptBox", "EmptyLatentImage", "PrimitiveInt", "Other")
NODES = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from([*CLASSES, "ComfySwitchNode", "StringReplace", "LoadVideo", "DisableNoise"]),
        "inputs": st.dictionaries(
            INPUTS | st.sampled_from(["positive", "negative"]),
            LITERALS | st.tuples(st.sampled_from("123"), st.integers(0, 3)).map(list),
            max_size=5,
        ),
    }
)


@given(graph=st.fixed_dictionaries({"1": NODES, "2": NODES, "3": NODES}), known=st.sampled_from([None, classes()]))
def test_a_proposed_form_is_valid_and_sets_nothing_by_itself(graph: dict[str, Any], known: Catalogue | None) -> None:
    before = copy.deepcopy(graph)
    prepared = comfy_data.prepare(graph, known)
    assert prepared.analysis is not None
    assert service.check("comfy_workflow", prepared.data) == []
    files = {p.form_field["id"]: "https://x/y" for p in prepared.analysis.proposals if p.required}
    after = planned(prepared.data, files)
    for proposal in prepared.analysis.proposals:
        for node, name in proposal.targets if proposal.required else ():
            after[node]["inputs"][name] = before[node]["inputs"][name]
    assert after == before
    assert graph == before
