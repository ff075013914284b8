"""Which variable or field takes the output that is developed."""

from typing import Any

import pytest

from emprops.errors import CollectionCorruptedError
from emprops.kit.ids import new_id
from emprops.orchestrator.start.source_input import BareField, find_input, with_input
from emprops.workflows.store import Workflow


def workflow(**fields: str) -> Workflow:
    data = {
        "form": {"fields": [{"id": name, "type": kind} for name, kind in fields.items()]},
        "inputs": [{"id": name, "pathJq": f".payload.{name}"} for name in fields],
        "job": {"service_required": "noop", "payload": {}},
    }
    known: dict[str, Any] = dict.fromkeys(Workflow.__dataclass_fields__)
    known |= {
        "id": new_id(),
        "name": "w",
        "type": "direct_job",
        "data": data,
        "models": [],
        "output_mime_type": "image/png",
        "custom_nodes": [],
    }
    return Workflow(**known)


def text(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "text", **more}


def recipe(*variables: dict[str, Any], **payload: Any) -> dict[str, Any]:
    return {"steps": [{"id": 7, "nodeName": "w", "nodePayload": payload}], "variables": list(variables)}


IMAGE_FORM = {"prompt": "prompt_editor", "mask": "image_loader", "image": "image_loader"}
CASES: list[tuple[str, str, dict[str, str], dict[str, Any], Any]] = [
    (
        "a value type comes before everything",
        "image",
        IMAGE_FORM,
        recipe(text("image"), text("photo", value_type="images"), image="{{image}}"),
        "photo",
    ),
    ("a value type in the singular", "video", {}, recipe(text("image"), text("clip", value_type="video")), "clip"),
    ("of another kind it does not count", "video", {}, recipe(text("clip", value_type="images")), None),
    (
        "the variable in a file field",
        "image",
        IMAGE_FORM,
        recipe(text("image"), text("start"), image="{{start}}", mask="https://x.test/mask.png"),
        "start",
    ),
    ("a field called so comes before others", "image", IMAGE_FORM, recipe(), BareField(7, "image")),
    (
        "any file field",
        "video",
        {"prompt": "prompt_editor", "footage": "image_loader"},
        recipe(prompt="x"),
        BareField(7, "footage"),
    ),
    (
        "a field for videos before that",
        "video",
        {"footage": "image_loader", "sound": "audio_loader", "clip": "video_loader"},
        recipe(),
        BareField(7, "clip"),
    ),
    ("a picture goes into no field for videos", "image", {"clip": "video_loader"}, recipe(text("input")), "input"),
    ("a video goes into no field for sounds", "video", {"sound": "audio_loader"}, recipe(), None),
    (
        "a field that is set is not open",
        "image",
        {"image": "image_loader"},
        recipe(image="https://x.test/fixed.png"),
        None,
    ),
    ("a name", "image", {}, recipe(text("input"), text("image_url")), "image_url"),
    ("the last of the names", "video", {}, recipe(text("prompt"), text("input")), "input"),
    ("a locked variable takes nothing", "image", {}, recipe(text("image", lock_value=True, value="x")), None),
    ("a number takes nothing", "image", {}, recipe({"name": "image", "type": "number", "value": 1}), None),
    (
        "a pick takes nothing",
        "image",
        {},
        recipe({"name": "image", "type": "pick", "value": {"values": ["a"]}, "value_type": "images"}),
        None,
    ),
    ("a text goes by name first", "text", IMAGE_FORM, recipe(text("topic"), text("text"), prompt="{{topic}}"), "text"),
    ("then into the text field's variable", "text", IMAGE_FORM, recipe(text("a"), text("b"), prompt="{{b}}"), "b"),
    ("or the field", "text", IMAGE_FORM, recipe(text("a")), BareField(7, "prompt")),
    ("or any text", "text", IMAGE_FORM, recipe(text("a"), prompt="a {{a}}"), "a"),
]


@pytest.mark.parametrize(
    ("input_type", "form", "data", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_where_it_goes(input_type: str, form: dict[str, str], data: dict[str, Any], expected: Any) -> None:
    assert find_input(data, {"w": workflow(**form)}, input_type) == expected


def test_earlier_steps_come_first() -> None:
    data = recipe()
    data["steps"] = [
        {"id": 2, "nodeName": "w", "nodePayload": {"image": {"$ref": 1}}},
        {"id": 1, "nodeName": "w", "nodePayload": {}},
    ]
    assert find_input(data, {"w": workflow(image="image_loader")}, "image") == BareField(1, "image")


def test_what_cannot_be_run() -> None:
    with pytest.raises(CollectionCorruptedError):
        find_input({"steps": []}, {}, "image")


def test_a_variable_is_set_unless_the_caller_did() -> None:
    data = recipe(text("image"))
    assert with_input(data, {"n": 1}, "image", "url") == (data, {"n": 1, "image": "url"})
    assert with_input(data, {"image": None}, "image", "url") == (data, {"image": "url"})
    assert with_input(data, {"image": "own"}, "image", "url") == (data, {"image": "own"})


def test_a_field_is_set_by_a_locked_variable_of_its_own() -> None:
    data = recipe(text("source_output"), prompt="x")
    changed, variables = with_input(data, {"a": 1}, BareField(7, "image"), "{{x}}")
    assert variables == {"a": 1}
    assert data == recipe(text("source_output"), prompt="x"), "the collection's own data stays as it is"
    assert changed["steps"][0]["nodePayload"] == {"prompt": "x", "image": "{{source_output_}}"}
    assert changed["variables"][1] == {"name": "source_output_", "type": "text", "value": "{{x}}", "lock_value": True}
