"""Which form fields are proposed for the inputs of a ComfyUI graph, by what they take."""

import pytest
from tests.workflows.labelled import classes
from tests.workflows.proposals import fields, node, targets

from emprops.connectors.comfyui.catalogue import Catalogue, read_catalogue
from emprops.workflows.comfy_inputs import Proposal, propose, propose_for


def test_limits_and_choices_are_those_of_all_classes() -> None:
    graph = {
        "1": node("A", seed=5, steps=20, duration="5", aspect_ratio="1:1", cfg=3, length=33),
        "2": node("B", seed=5, aspect_ratio="1:1", length=33),
    }
    info = {
        "A": {
            "seed": ["INT", {"min": 0, "max": 2**31 - 1}],
            "steps": ["INT", {"min": 4, "max": 8}],
            "duration": [["5", "10"]],
            "aspect_ratio": [["16:9", "1:1", "9:16"]],
            "cfg": ["FLOAT", {"min": 1.5, "max": 100.0, "step": 0.01}],
            "length": ["INT", {"min": 1, "max": 16384, "step": 4}],
        },
        "B": {"seed": ["INT", {"max": 65535}], "aspect_ratio": [["9:16", "1:1"]], "length": ["INT", {"min": 9}]},
    }
    found = fields(graph, read_catalogue({name: {"input": {"required": taken}} for name, taken in info.items()}))
    assert found["seed"]["constraints"] == {"min": 0, "max": 65535, "step": 1}
    assert found["steps"]["constraints"] == {"min": 4, "max": 20, "step": 1}, "what is set stays allowed"
    assert (found["duration"]["type"], found["duration"]["options"]) == ("select", ["5", "10"])
    assert found["aspect_ratio"]["options"] == ["1:1", "9:16"]
    assert found["cfg"]["constraints"] == {"min": 1.5, "max": 30, "step": 0.1}
    assert found["length"]["constraints"] == {"min": 9, "max": 257, "step": 4}
    without = fields(graph)
    assert (without["duration"]["type"], without["aspect_ratio"]["type"]) == ("input", "input")
    assert without["seed"]["constraints"]["max"] == 2**31 - 1, "what any API takes"


def test_what_cannot_be_set_to_anything_else_is_no_field() -> None:
    required = {"duration": ["INT", {"min": 5, "max": 5}], "resolution": [["1080p"]], "seed": ["INT", {"min": 0}]}
    graph = {"1": node("Vidu", duration=5, resolution="1080p", seed=3)}
    assert list(fields(graph, read_catalogue({"Vidu": {"input": {"required": required}}}))) == ["seed"]


def test_settings_that_a_choice_brings() -> None:
    one = {"key": "fast", "inputs": {"required": {"resolution": [["1K", "2K"]], "prompt": ["STRING", {}]}}}
    info = {"input": {"required": {"model": ["COMFY_DYNAMICCOMBO_V3", {"options": [one]}]}}}
    graph = {"1": node("A", model="fast", **{"model.resolution": "1K", "model.prompt": "a fox"})}
    found = fields(graph, read_catalogue({"A": info}))
    assert found["resolution"]["options"] == ["1K", "2K"]
    assert found["prompt"]["default"] == "a fox"


@pytest.mark.parametrize(
    ("class_type", "name", "field", "kind"),
    [
        ("LoadImage", "image", "image", "image_loader"),
        ("LoadImageOutput", "image", "image", "image_loader"),
        ("LoadImageMask", "image", "mask", "image_loader"),
        ("LoadVideo", "file", "video", "video_loader"),
        ("VHS_LoadVideo", "video", "video", "video_loader"),
        ("LoadAudio", "audio", "audio", "audio_loader"),
        ("VHS_LoadAudioUpload", "audio", "audio", "audio_loader"),
    ],
)
@pytest.mark.parametrize("known", [None, classes()], ids=["unknown", "known"])
def test_loaders(class_type: str, name: str, field: str, kind: str, known: Catalogue | None) -> None:
    found = fields({"1": node(class_type, **{name: "mine"})}, known)
    assert {key: found[field].get(key) for key in ("type", "required", "default")} == {
        "type": kind,
        "required": True,
        "default": None,
    }
    address = "https://example.com/a"
    [proposal] = propose({"1": node(class_type, **{name: address})}, known)
    assert (proposal.form_field["default"], proposal.required) == (address, False)


def test_models_and_folders_are_no_files_of_users() -> None:
    graph = {
        "1": node("LoadImageDataSetFromFolder", folder="3d"),
        "2": node("Load3D", model_file="a.glb", width=512, height=512),
        "3": node("UpscaleModelLoader", model_name="4x.pth"),
        "4": node("OpenAIInputFiles", file="a.pdf"),
    }
    assert fields(graph) == {}


def test_what_a_switch_leaves_out_is_no_field() -> None:
    graph = {
        "1": node("PrimitiveInt", value=4),
        "2": node("PrimitiveInt", value=20),
        "3": node("PrimitiveBoolean", value=False),
        "4": node("ComfySwitchNode", switch=["3", 0], on_true=["1", 0], on_false=["2", 0]),
        "5": node("KSampler", steps=["4", 0]),
    }
    assert targets(graph) == {"steps": ["2.value"]}
    graph["3"] = node("SomethingElse")
    assert targets(graph) == {"steps": ["1.value"], "steps_2": ["2.value"]}


def test_nodes_that_lead_to_no_output_are_no_fields_where_the_outputs_are_known() -> None:
    graph = {
        "1": node("LoadImage", image="a.png"),
        "2": node("SaveImage", images=["1", 0]),
        "3": node("LoadImage", image="b.png"),
    }
    assert list(fields(graph)) == ["image", "image_2"]
    assert list(fields(graph, classes())) == ["image"]


def test_inputs_that_somebody_chose_are_fields_whatever_they_mean() -> None:
    graph = {
        "1": node("ImageScaleToTotalPixels", megapixels=1.5, image=["2", 0], upscale_method="area"),
        "2": node("LoadImage", image="a.png"),
        "3": node("KSampler", seed=1, steps=20, add_noise=True),
        "4": node("KSampler", seed=1, steps=20),
        "5": node("Notes", words="one\ntwo"),
    }
    info = {"megapixels": ["FLOAT", {"min": 0.01, "max": 16.0}], "upscale_method": [["area", "lanczos"]]}
    known = read_catalogue({"ImageScaleToTotalPixels": {"input": {"required": info}}})
    chosen = [("1", "megapixels"), ("4", "steps"), ("1", "image"), ("3", "add_noise"), ("2", "image"), ("9", "text")]
    chosen += [("1", "upscale_method"), ("3", "steps"), ("5", "words")]
    found = {one.form_field["id"]: one for one in propose_for(graph, chosen, known)}
    assert {name: one.form_field["type"] for name, one in found.items()} == {
        "megapixels": "number",
        "steps": "slider",
        "add_noise": "checkbox",
        "image": "image_loader",
        "upscale_method": "select",
        "words": "prompt_editor",
    }
    assert list(found) == ["megapixels", "steps", "add_noise", "image", "upscale_method", "words"]
    assert found["megapixels"].form_field["constraints"] == {"min": 0.01, "max": 16.0}
    assert found["steps"].targets == [("3", "steps"), ("4", "steps")]


def test_at_most_sixty_fields_are_proposed() -> None:
    graph = {str(at): node("CLIPTextEncode", text=f"text {at}") for at in range(80)}
    found: list[Proposal] = propose(graph)
    assert [one.form_field["id"] for one in found[:2]] == ["prompt", "prompt_2"]
    assert len(found) == 60
