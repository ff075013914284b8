"""Saved workflows become what ComfyUI's server runs."""

import orjson
import pytest
from tests.workflows.conversion import CATALOGUE, api
from tests.workflows.saved import TEXT_TO_IMAGE_API, Saved, finished, text_to_image

from emprops.connectors.comfyui.catalogue import CatalogueError, pack, unpack


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
    assert graph.keys() == TEXT_TO_IMAGE_API.keys()


def test_nodes_that_are_connected_by_name() -> None:
    saved = text_to_image()
    saved.node(40, "SetNode", ["VAE"])
    saved.node(41, "GetNode", ["VAE"])
    saved.link(4, 2, 40, "*")
    saved.link(41, 0, 8, "vae")
    assert api(saved)["8"]["inputs"]["vae"] == ["4", 2]
