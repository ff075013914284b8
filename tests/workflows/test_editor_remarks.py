"""What cannot be converted is named, node by node; what is left out is said."""

from typing import Any

import pytest
from tests.workflows.conversion import CATALOGUE, api, known, problems, warnings
from tests.workflows.saved import OBJECT_INFO, TEXT_TO_IMAGE_API, Saved, info, text_to_image

from emprops.workflows.editor.convert import convert

MISSING = "no such node class is on the machine"
DEAD = "comes from a node that is muted, bypassed or missing"


def test_unknown_classes_that_are_linked_and_group_nodes_are_named() -> None:
    saved = text_to_image()
    saved.node(70, "FaceDetailer", [1, 2])
    saved.nodes["70"]["inputs"] = [{"name": "image", "type": "IMAGE", "link": None}]
    saved.link(8, 0, 70, "image")
    saved.link(70, 0, 9, "images")
    saved.node(71, "SaveFox")
    saved.link(8, 0, 71, "image", "IMAGE")
    saved.node(72, "workflow/old")
    assert problems(saved) == [
        f"node 70 (FaceDetailer): {MISSING}; install its pack, or take the node out",
        f"node 71 (SaveFox): {MISSING}; install its pack, or take the node out",
        "node 72 (workflow/old): group nodes are not converted; make a subgraph of it in the editor",
    ]


def test_an_unknown_class_that_leads_nowhere_that_matters_is_none() -> None:
    saved = text_to_image()
    saved.node(70, "Unknown")
    saved.node(71, "ImageScaleBy", ["lanczos", 2])
    saved.link(70, 0, 71, "image")
    api(saved)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("Note Plus (mtb)", f"left out: {MISSING}, and nothing is linked to it"),
        ("info|pack", f"left out: {MISSING}, and nothing is linked to it"),
        ("Fast Actions Button (rgthree)", "left out: it does something in the editor only"),
    ],
)
def test_what_only_the_editor_has_is_left_out_with_a_warning(kind: str, says: str) -> None:
    saved = text_to_image()
    saved.node(50, kind, ["remember the foxes"])
    saved.nodes["50"]["inputs"] = [{"name": "", "type": "*", "link": None}]
    assert api(saved, warned=True) == TEXT_TO_IMAGE_API
    assert warnings(saved) == [f"node 50 ({kind}): {says}"]


def test_decoration_is_left_out_without_a_word() -> None:
    saved = text_to_image()
    for number, kind in enumerate(("Note", "Bookmark (rgthree)", "Fast Groups Muter (rgthree)", "Anything Everywhere")):
        saved.node(50 + number, kind)
    saved.node(60, "Unknown", mode=2)
    assert api(saved) == TEXT_TO_IMAGE_API


def test_helpers_that_are_linked_are_no_part_of_the_graph_either() -> None:
    saved = text_to_image()
    saved.node(50, "Node Collector (rgthree)")
    saved.link(8, 0, 50, "image", "IMAGE")
    assert api(saved, warned=True) == TEXT_TO_IMAGE_API


@pytest.mark.parametrize(
    ("mode", "says"),
    [(0, "its input vae is not connected"), (2, f"its input vae {DEAD}"), (4, f"its input vae {DEAD}")],
)
def test_a_required_input_without_anything(mode: int, says: str) -> None:
    saved = text_to_image()
    if mode:
        saved.node(70, "CheckpointLoaderSimple", ["sd15.safetensors"], mode=mode)
        saved.link(70, 2, 8, "vae")
    else:
        saved.nodes["8"]["inputs"][1]["link"] = None
    assert problems(saved) == [f"node 8 (VAEDecode): {says}"]


def test_an_output_whose_source_is_muted_is_left_out_and_the_others_stay() -> None:
    saved = text_to_image()
    saved.node(70, "LoadImage", ["fox.png", "image"], mode=2)
    saved.node(71, "SaveImage", ["muted"])
    saved.link(70, 0, 71, "images")
    saved.node(72, "ImageScaleBy", ["lanczos", 2])
    saved.link(70, 0, 72, "image")
    saved.node(73, "SaveImage", ["far from muted"])
    saved.link(72, 0, 73, "images")
    assert api(saved, warned=True) == TEXT_TO_IMAGE_API
    assert warnings(saved) == [
        f"node 71 (SaveImage): left out: its input images {DEAD}",
        "node 73 (SaveImage): left out: something before it comes from a node that is muted, bypassed or missing",
    ]
    del saved.nodes["9"]
    assert problems(saved) == [
        f"node 71 (SaveImage): its input images {DEAD}",
        f"node 72 (ImageScaleBy): its input image {DEAD}",
    ]


def test_an_output_that_nothing_is_connected_to_is_left_out() -> None:
    saved = text_to_image()
    saved.node(71, "SaveImage", ["nothing"])
    assert api(saved, warned=True) == TEXT_TO_IMAGE_API
    assert warnings(saved) == ["node 71 (SaveImage): left out: nothing is connected to it"]
    del saved.nodes["9"]
    assert problems(saved) == ["node 71 (SaveImage): its input images is not connected"]


def test_nothing_is_said_about_nodes_that_lead_nowhere() -> None:
    saved = text_to_image()
    saved.node(71, "ImageScaleBy", ["lanczos", 2, "more"])
    api(saved)


BROWSER = {
    "Load3D": (
        info({"model_file": ["COMBO", {"options": [], "file_upload": True}], "image": ["LOAD_3D"], "width": ["INT"]}),
        [None, "upload3dmodel", "uploadExtraResources", "clear", "", 1024],
        "image is drawn from a 3-D scene",
    ),
    "Webcam": (info({"image": ["WEBCAM"], "width": ["INT"]}), ["", 0, "capture"], "image is taken by a webcam"),
    "Record": (info({"audio": ["AUDIO_RECORD"]}), [""], "audio is recorded with a microphone"),
}


@pytest.mark.parametrize("kind", BROWSER)
def test_values_that_only_a_browser_makes_are_named_as_such(kind: str) -> None:
    described, values, says = BROWSER[kind]
    saved = text_to_image()
    saved.node(60, kind, values)
    saved.link(60, 0, 9, "images")
    [problem] = problems(saved, known({kind: described}))
    assert problem.startswith(f"node 60 ({kind}): its input {says} on the editor's page")


@pytest.mark.parametrize(("value", "stays"), [("rec/fox.flac", True), ("rec/fox.flac [temp]", False), ("fox", False)])
def test_a_file_that_the_browser_has_uploaded_is_carried(value: str, stays: bool) -> None:
    saved = Saved()
    saved.node(1, "Record", [value])
    catalogue = known({"Record": info({"audio": ["AUDIO_RECORD"]}, output=True)})
    assert (problems(saved, catalogue) == []) is stays
    if stays:
        assert api(saved, catalogue)["1"]["inputs"] == {"audio": value}


def test_a_scene_that_is_linked_is_no_matter_of_the_browser() -> None:
    saved = text_to_image()
    saved.node(60, "Preview", None)
    saved.link(8, 0, 60, "scene", "LOAD_3D")
    graph = api(saved, known({"Preview": info({"scene": ["LOAD_3D"]}, output=True)}))
    assert graph["60"]["inputs"] == {"scene": ["8", 0]}


def test_a_workflow_that_stores_nothing() -> None:
    saved = text_to_image()
    del saved.nodes["9"]
    assert "SaveImage" in problems(saved)[0]
    saved.node(50, "Unknown")
    converted = convert(saved.json(), CATALOGUE)
    assert "SaveImage" in str(converted.problems[0])
    assert converted.graph == {}


@pytest.mark.parametrize("data", [None, [], {}, {"nodes": {}}, {"nodes": [{"id": 1}]}])
def test_what_is_no_saved_workflow(data: Any) -> None:
    assert [problem.node for problem in convert(data, CATALOGUE).problems] == [""]
    assert OBJECT_INFO.keys() == CATALOGUE.keys()
