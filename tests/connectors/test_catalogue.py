"""What is kept of a ComfyUI's node classes."""

import zlib
from typing import Any

import orjson
import pytest

from emprops.connectors.comfyui.catalogue import Input, NodeClass, pack, read_catalogue, unpack

LIKE_A_SAMPLER: dict[str, Any] = {
    "input": {
        "required": {
            "positive": ["CONDITIONING"],
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1}],
            "sampler_name": [["euler", "lcm"], {}],
            "size": ["COMBO", {"options": ["1024x1024", 512]}],
            "text": ["STRING", {"multiline": True}],
        },
        "optional": {"file": ["COMBO", {"options": ["a.mp4"], "video_upload": True}]},
    },
    "output": ["CONDITIONING", "LATENT"],
    "output_name": ["positive", "latent"],
}


def inputs_of(info: dict[str, Any]) -> dict[str, Input]:
    return {one.name: one for one in read_catalogue({"A": info})["A"].inputs}


def test_ranges_choices_uploads_and_outputs_are_kept() -> None:
    kept = inputs_of(LIKE_A_SAMPLER)
    assert (kept["cfg"].minimum, kept["cfg"].maximum, kept["cfg"].step) == (0.0, 100.0, 0.1)
    assert kept["sampler_name"].options == ("euler", "lcm")
    assert kept["size"].options == ("1024x1024", 512)
    assert [name for name, one in kept.items() if one.multiline] == ["text"]
    assert (kept["file"].upload, kept["file"].options) == ("video", ())
    assert read_catalogue({"A": LIKE_A_SAMPLER})["A"].outputs == ("positive", "latent")
    assert read_catalogue({"A": {"output": ["IMAGE"]}})["A"].outputs == ("IMAGE",)


@pytest.mark.parametrize(
    "options",
    [["model.safetensors", "none"], ["v1.yaml"], [{"a": 1}], ["x" * 101], list(range(101)), [2**70], "ab", None],
)
def test_lists_that_name_files_or_are_long_are_left_out(options: Any) -> None:
    assert inputs_of({"input": {"required": {"name": ["COMBO", {"options": options}]}}})["name"].options == ()


def test_versions_are_no_files() -> None:
    options = ["gpt-image-1.5", "v3.0-20250812", "16:9 (1280.5 x 720)"]
    assert inputs_of({"input": {"required": {"model": [options]}}})["model"].options == tuple(options)


def test_what_is_packed_is_read_again() -> None:
    beyond = {"default": 2**70, "min": -(2**64), "max": 2**64 - 1}
    dynamic = {"options": [{"key": "by", "inputs": {"required": {"factor": ["INT", beyond]}}}]}
    info = {"Mode": {"input": {"required": {"mode": ["COMFY_DYNAMICCOMBO_V3", dynamic]}}}, "A": LIKE_A_SAMPLER}
    catalogue = read_catalogue(info)
    assert unpack(pack(catalogue)) == catalogue
    assert unpack(pack(catalogue), {"A", "B"}) == {"A": catalogue["A"]}
    [factor] = catalogue["Mode"].inputs[0].nested["by"]
    assert (factor.default, factor.minimum, factor.maximum) == (None, None, 2**64 - 1)


def test_a_worker_of_another_version_may_say_less_or_more() -> None:
    content = {"name": "text", "type": "STRING", "nested": {}, "smell": "roses"}
    packed = zlib.compress(orjson.dumps({"A": {"inputs": [content], "is_output": True}}))
    assert unpack(packed) == {"A": NodeClass((Input("text", "STRING"),), is_output=True)}
