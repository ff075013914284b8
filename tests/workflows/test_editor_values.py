"""The values of a saved node find their inputs: by place, by name, by default, past what belongs to the editor."""

from typing import Any

import pytest
from tests.workflows.conversion import api, known, problems, warnings
from tests.workflows.saved import MODELS, SAMPLERS, TEXT_TO_IMAGE_API, Json, Saved, info, text_to_image

SAMPLER = [1, "fixed", 20, 8, "euler", "normal", 1]


def sampler(values: list[Any], **more: Any) -> Saved:
    saved = text_to_image()
    saved.nodes["3"] |= {"widgets_values": values, **more}
    return saved


def shown(kind: str, inputs: Json, optional: Json | None = None) -> Any:
    """A class whose nodes are run for their own sake, and a function that converts one node of it."""
    catalogue = known({kind: info(inputs, optional, output=True)})

    def convert(values: Any, *, warned: bool = False, **more: Any) -> Json:
        saved = Saved()
        saved.node(1, kind, values, **more)
        inputs: Json = api(saved, catalogue, warned=warned)["1"]["inputs"]
        return inputs

    return convert


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


def test_values_that_were_not_saved_get_their_defaults() -> None:
    assert api(sampler(SAMPLER[:-1]))["3"]["inputs"]["denoise"] == 1.0
    convert = shown(
        "Resize",
        {"text": ["STRING", {"default": "fox"}]},
        {
            "strength": ["FLOAT", {"default": 0.5}],
            "shot": ["COMBO", {"options": ["single", "multi"]}],
            "mask": ["MASK"],
        },
    )
    assert convert([]) == {"text": "fox", "strength": 0.5, "shot": "single"}
    assert convert(None) == {"text": "fox", "strength": 0.5, "shot": "single"}
    assert convert(["bear", None, "multi"]) == {"text": "bear", "strength": 0.5, "shot": "multi"}
    by_choice = api(resized("ResizeV3"))["60"]["inputs"]
    assert by_choice == {"image": ["8", 0], "mode": "by", "mode.factor": 2.0}


def resized(kind: str) -> Saved:
    saved = text_to_image()
    saved.node(60, kind, [])
    saved.link(8, 0, 60, "image")
    saved.link(60, 0, 9, "images")
    return saved


@pytest.mark.parametrize(
    "said",
    [
        [["mine.safetensors", "other.safetensors"]],
        ["COMBO", {"options": ["private/fox", "b"]}],
        ["COMBO", {"options": ["fox"], "image_upload": True}],
        ["COMBO", {"options": ["fox"], "remote": {"route": "/files"}}],
    ],
)
def test_the_first_file_of_a_machine_is_nobodys_default(said: Any) -> None:
    saved = Saved()
    saved.node(1, "Loader", [])
    catalogue = known({"Loader": info({"file": said}, output=True)})
    assert problems(saved, catalogue) == ["node 1 (Loader): its input file has no value"]


def test_trailing_values_are_passed_over_and_named() -> None:
    saved = sampler([*SAMPLER, "more", 7, "randomize", None, "image", {"name": "upload"}])
    assert warnings(saved) == [
        "node 3 (KSampler): this version of its class has no input for saved values: 'more', 7",
    ]
    assert api(saved, warned=True)["3"]["inputs"]["denoise"] == 1


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, "fixed", "euler", "normal", 20, 8, 1], "steps takes INT, not 'euler'"),
        ([1, "fixed", 20.5, 8, "euler", "normal", 1], "steps takes INT, not '20.5'"),
        ([True, "fixed", 20, 8, "euler", "normal", 1], "seed takes INT, not 'True'"),
        ([1, "fixed", 20, 8, "euler", "normal", True], "denoise takes FLOAT, not 'True'"),
    ],
)
def test_values_that_do_not_fit_the_class_are_named(values: list[Any], says: str) -> None:
    assert problems(sampler(values)) == [f"node 3 (KSampler): its saved values do not fit its inputs: {says}"]


@pytest.mark.parametrize("control", ["fixed", "randomize", "increment", True, False])
def test_what_becomes_of_a_seed_is_no_value(control: Any) -> None:
    inputs = api(sampler([1566802, control, 20, 8, "euler", "normal", 1]))["3"]["inputs"]
    assert (inputs["seed"], inputs["steps"], inputs["denoise"]) == (1566802, 20, 1)


def test_a_seed_without_control_before_a_switch() -> None:
    convert = shown("Tiled", {"seed": ["INT"], "tiled": ["BOOLEAN", {"default": False}]})
    assert convert([5, True]) == {"seed": 5, "tiled": True}
    assert convert([5, False, True]) == {"seed": 5, "tiled": True}
    assert convert([5, "fixed", True]) == {"seed": 5, "tiled": True}


def test_a_choice_that_changes_after_each_run_has_a_filter() -> None:
    said = {"mode": [["x", "y"], {"control_after_generate": True}], "text": ["STRING"]}
    assert shown("Walk", said)(["y", "increment", "", "fox"]) == {"mode": "y", "text": "fox"}


def test_buttons_of_lists_that_are_read_again() -> None:
    remote = {"image_upload": True, "remote": {"route": "/internal/files/output", "refresh_button": True}}
    convert = shown("LoadOutput", {"image": ["COMBO", remote]}, {"invert": ["BOOLEAN", {"default": False}]})
    assert convert(["fox.png [output]", False, "refresh", "image", True]) == {
        "image": "fox.png [output]",
        "invert": True,
    }
    assert convert(["fox.png [output]", "refresh", "image", True]) == {"image": "fox.png [output]", "invert": True}
    assert convert(["fox.png [output]", False, "refresh", "image"]) == {"image": "fox.png [output]", "invert": False}


def test_saved_names_of_values_count() -> None:
    names = ["gone", "seed", "control_after_generate", "steps", "cfg", "sampler_name", "scheduler", "denoise"]
    values = [0.25, 4, "fixed", 30, 7, "euler", "normal", 0.5]
    saved = sampler(values, widgets_values_named=dict(zip(names, values, strict=True)))
    inputs = api(saved, warned=True)["3"]["inputs"]
    assert [inputs[name] for name in ("seed", "steps", "cfg", "denoise")] == [4, 30, 7, 0.5]
    assert warnings(saved) == ["node 3 (KSampler): this version of its class has no input for saved values: gone 0.25"]
    saved.nodes["3"]["widgets_values"] = [0.25, 5, *values[2:]]
    assert api(saved, warned=True)["3"]["inputs"]["seed"] == 5, "the list is what the editor reads"
    saved.nodes["3"]["widgets_values"] = SAMPLER
    assert api(saved)["3"]["inputs"]["steps"] == 20, "names of another list say nothing"


def test_names_of_inputs_that_a_choice_brings() -> None:
    saved = resized("ResizeV3")
    named = {"mode.height": 200, "mode": "to", "mode.width": 320}
    saved.nodes["60"] |= {"widgets_values": list(named.values()), "widgets_values_named": named}
    inputs = api(saved)["60"]["inputs"]
    assert inputs == {"image": ["8", 0], "mode": "to", "mode.width": 320, "mode.height": 200}


def test_names_that_lead_to_an_input_of_another_type() -> None:
    saved = sampler(["many"], widgets_values_named={"steps": "many"})
    assert "steps takes INT, not 'many'" in problems(saved)[0]


def test_inputs_that_take_several_types() -> None:
    said = {"rate": ["FLOAT,INT", {"default": 25.0}], "size": ["INT"], "any": ["INT,STRING", {"widgetType": "INT"}]}
    convert = shown("Audio", said, {"forced": ["FLOAT,INT", {"default": 1, "forceInput": True}], "wire": ["FLOAT,INT"]})
    assert convert([24, 3, 7]) == {"rate": 24, "size": 3, "any": 7}
    assert convert([23.976, 3, 7]) == {"rate": 23.976, "size": 3, "any": 7}
    assert convert([]) == {"rate": 25.0, "size": 0, "any": 0}


def test_widgets_of_newer_editors() -> None:
    convert = shown("Draw", {"color": ["COLOR", {"default": "#ffffff"}], "curve": ["CURVE"], "box": ["BOUNDING_BOX"]})
    box = {"x": 0, "y": 1, "width": 8, "height": 9}
    curve = [[0, 0], [1, 1]]
    right = {"color": "#ff0000", "curve": {"__type__": "CURVE", "__value__": curve}, "box": box}
    assert convert(["#ff0000", curve, box]) == right
    convert = shown("Crop", {"box": ["BOUNDING_BOX"], "scale": ["INT"], "merge": ["COMPOSITOR"], "hidden": ["NEWER"]})
    right = {"box": box, "scale": 2, "merge": {}}
    with pytest.raises(AssertionError, match="its input hidden is not connected"):
        convert([box, 0, 1, 8, 9, 2, {}])
    named = {"box": box, "x": 0, "y": 1, "width": 8, "height": 9, "scale": 2, "merge": {}, "hidden": [1]}
    assert convert(list(named.values()), widgets_values_named=named) == right | {"hidden": {"__value__": [1]}}
    convert = shown("Crop", {"box": ["BOUNDING_BOX"], "scale": ["INT"], "merge": ["COMPOSITOR"]})
    assert convert([box, 0, 1, 8, 9, 2, {}]) == right
    assert convert([box, 2, {}]) == right


def test_a_list_of_choices_that_was_not_saved_is_empty() -> None:
    convert = shown("Tags", {"tags": ["COMBO", {"options": ["a"], "multiselect": True}]})
    assert convert([]) == {"tags": {"__value__": []}}


def test_a_choice_whose_list_is_written_in_the_node() -> None:
    convert = shown("CustomCombo", {"choice": ["COMBO", {"options": []}]})
    own = {"option1": "fox", "option2": "bear", "option3": ""}
    assert convert(["bear", 1, "fox", "bear", ""]) == {"choice": "bear", "index": 1} | own
    assert convert(["owl", 1, "fox", "bear", ""]) == {"choice": "owl", "index": -1} | own


GROWING = {
    "Batch": info(
        {
            "images": [
                "COMFY_AUTOGROW_V3",
                {"template": {"input": {"required": {"image": ["IMAGE"]}}, "prefix": "image", "min": 2}},
            ]
        }
    ),
    "Math": info(
        {
            "expression": ["STRING", {"default": "a"}],
            "values": [
                "COMFY_AUTOGROW_V3",
                {"template": {"input": {"required": {"value": ["FLOAT,INT"]}}, "names": ["a", "b"], "min": 1}},
            ],
        },
        output=True,
    ),
    "Models": info({"model": MODELS, "sampler": SAMPLERS}),
}


def test_inputs_that_grow_keep_their_dotted_names() -> None:
    saved = text_to_image()
    saved.node(60, "Batch", inputs=[{"name": f"images.image{n}", "type": "IMAGE", "link": None} for n in range(4)])
    for number in range(3):
        saved.link(8, 0, 60, f"images.image{number}")
    saved.link(60, 0, 9, "images")
    saved.node(61, "Math", ["a * b"], inputs=[{"name": f"values.{n}", "type": "FLOAT,INT", "link": None} for n in "ab"])
    saved.link(60, 1, 61, "values.a")
    saved.link(60, 1, 61, "values.b")
    graph = api(saved, known(GROWING))
    assert graph["60"]["inputs"] == {f"images.image{number}": ["8", 0] for number in range(3)}
    assert graph["61"]["inputs"] == {"expression": "a * b", "values.a": ["60", 1], "values.b": ["60", 1]}


def test_members_of_an_input_that_grows_hold_values_too() -> None:
    template = {"input": {"required": {"value": ["FLOAT", {"default": 1.0}]}}, "prefix": "value", "min": 1}
    convert = shown("Sum", {"values": ["COMFY_AUTOGROW_V3", {"template": template}], "label": ["STRING"]})
    assert convert([0.5, "fox"]) == {"values.value0": 0.5, "label": "fox"}
    named = {"values.value0": 0.5, "values.value1": 2, "label": "fox"}
    assert convert(list(named.values()), widgets_values_named=named) == named


def test_links_to_widgets_that_the_class_no_longer_has_are_dropped() -> None:
    saved = text_to_image()
    saved.node(60, "Number", [7])
    saved.link(60, 0, 9, "depth", "INT")
    catalogue = known({"Number": info({"value": ["INT"]})})
    assert api(saved, catalogue, warned=True) == TEXT_TO_IMAGE_API
    assert warnings(saved, catalogue) == [
        "node 9 (SaveImage): this version of its class has no input for what is linked to depth"
    ]


def test_an_input_that_grows_needs_something() -> None:
    saved = text_to_image()
    saved.node(60, "Batch")
    saved.link(60, 0, 9, "images")
    assert problems(saved, known(GROWING)) == ["node 60 (Batch): its input images.image0 is not connected"]
