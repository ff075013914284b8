"""What nodes put out is told apart: stored files, files that are only shown, texts, and remarks for the editor."""

from pathlib import Path
from typing import Any

import pytest
from tests.connectors.comfyui.rig import GLB, PNG, failure, node, run
from tests.connectors.contract import content_of
from tests.fakes.comfyui import FakeComfyUI

from emprops.connectors.base import FinalError
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.comfyui.listing import Item, items_of, texts_of
from emprops.connectors.comfyui.outputs import type_of
from emprops.media.types import extension_of

SHOWN = {"1": node("Preview3D"), "2": node("ShowText")}


def test_files_are_told_apart_by_folder_and_named_once() -> None:
    files = [{"filename": "a.png", "subfolder": folder, "type": "output"} for folder in ("", "x", "")]
    outputs = {"9": {"images": files, "animated": [True]}, "1": {"files": files[:1]}, "77": {"3d": files[1:2]}}
    assert items_of(outputs, {"1": {}, "9": {}}) == [Item("1", "a.png", ""), Item("9", "a.png", "x")]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["a red fox", "a blue fox"], ["a red fox", "a blue fox"]),
        (list("a fox, 😀\n"), ["a fox, 😀\n"]),
        (["a"], ["a"]),
        (["a", "fox"], ["a", "fox"]),
        ([3, None, "", {"a": 1}], []),
        ("bare", ["bare"]),
    ],
)
def test_texts_and_what_became_letters(values: Any, texts: list[str]) -> None:
    assert [text for _, text in texts_of({"2": {"text": values}}, SHOWN)] == texts


def test_a_name_for_the_viewer_is_no_text() -> None:
    outputs = {"1": {"result": ["abc.glb", {"position": "front"}, "back.png"]}, "2": {"result": ["a fox", "b.GLB"]}}
    assert texts_of(outputs, SHOWN) == [("2", "a fox")]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("abc.glb", ("", "abc.glb")),
        ("mesh/a b.glb", ("mesh", "a b.glb")),
        ("mesh\\deep\\a.obj [output]", ("mesh/deep", "a.obj")),
        ("a.glb [input]", None),
        ("../a.glb", None),
        ("/srv/a.glb", None),
        ("https://example.com/a.glb", None),
        ("a.txt", None),
        ("", None),
    ],
)
def test_a_model_that_is_shown_is_looked_for_among_the_outputs(path: str, place: tuple[str, str] | None) -> None:
    found = items_of({"1": {"result": [path, None]}}, SHOWN)
    assert found == ([Item("1", place[1], place[0], shown=True)] if place else [])


def test_a_stored_file_is_not_only_a_shown_one() -> None:
    stored = {"filename": "a.glb", "subfolder": "mesh", "type": "output"}
    outputs = {"1": {"result": ["mesh/a.glb", None]}, "2": {"3d": [stored]}}
    assert items_of(outputs, SHOWN) == [Item("2", "a.glb", "mesh")]


async def test_a_model_keeps_its_name_and_type(connector: ComfyUI, tmp_path: Path) -> None:
    outcome = await run(connector, {"1": node("SaveGLB")}, tmp_path)
    (file,) = outcome.files
    assert (file.name, file.mime_type, content_of(file)) == ("made_1.glb", "model/gltf-binary", GLB)
    assert extension_of(file.mime_type) == ".glb"
    assert not outcome.data


async def test_a_model_that_is_only_shown_is_a_result_if_it_is_there(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    comfy.files["hosted", "fox.glb"] = GLB
    content = {"1": node("Preview3D", model_file="hosted/fox.glb"), "2": node("Preview3D", model_file="gone.glb")}
    outcome = await run(connector, content, tmp_path)
    assert [(file.node, file.name, file.mime_type) for file in outcome.files] == [("1", "fox.glb", "model/gltf-binary")]
    assert not outcome.data


async def test_showing_a_model_that_is_not_there_is_no_result(
    connector: ComfyUI, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    error = await failure(connector, {"1": node("Preview3D", model_file="abc.glb")}, tmp_path)
    assert isinstance(error, FinalError)
    assert "stored nothing" in error.message
    assert "/free" not in comfy.paths()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.glb", GLB, "model/gltf-binary"),
        ("A.GLB", GLB, "model/gltf-binary"),
        ("a.gltf", b'{"asset": {}}', "model/gltf+json"),
        ("a.obj", b"o fox\nv 0 0 0\n", "model/obj"),
        ("a.stl", b"solid fox", "model/stl"),
        ("a.ply", b"ply\nformat ascii 1.0", "application/x-ply"),
        ("a.png", PNG, "image/png"),
    ],
)
def test_types_of_models(name: str, content: bytes, expected: str) -> None:
    assert type_of(name, content, "application/octet-stream") == expected
