"""What a collection's form says of each variable: a closed set, for all types of variables and kinds of workflows."""

from typing import Any, get_args
from uuid import UUID

import pytest
from tests.collections.conftest import User
from tests.orchestrator.planning import step, workflow

from emprops.collections.form_schemas import FormInput, FormVariable
from emprops.collections.uses import uses_of
from emprops.collections.variable_schema import json_schema
from emprops.collections.variables import parse
from emprops.samples.recipes import COLLECTIONS, WORKFLOWS
from emprops.workflows.service import check
from emprops.workflows.store import Workflow

ALLOWED = {field.alias or name for name, field in FormVariable.model_fields.items()}
PICK = {"values": ["#f00", "#0f0", 3], "display_names": ["red", "green", "three"], "weights": []}


def form(variables: list[dict[str, Any]], *steps: dict[str, Any], known: tuple[Workflow, ...] = ()) -> dict[str, Any]:
    """The form of a collection; holds each property against the closed set."""
    definitions, problems = parse(variables)
    assert problems == []
    data = {"steps": list(steps), "variables": variables}
    schema = json_schema(definitions, uses_of(data, {one.name: one for one in known}))
    for order, (name, shown) in enumerate(schema["properties"].items()):
        assert shown.keys() <= ALLOWED, name
        FormVariable.model_validate(shown)
        assert shown["x-emprops-input"] in get_args(FormInput)
        assert shown["x-emprops-order"] == order
        assert ("oneOf" in shown) == (shown["x-emprops-input"] == "choice") == ("type" not in shown)
    return schema


def shown(variable: dict[str, Any], field: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the form says of a variable ``x``, which may fill a field of a workflow."""
    fields = [] if field is None else [{"id": "f"} | field]
    known = (workflow("w", *fields),)
    steps = [step(1, "w", **{one["id"]: "{{x}}" for one in fields})]
    said = form([{"name": "x"} | variable], *steps, known=known)["properties"]["x"]
    del said["x-emprops-order"]
    assert said.pop("title") == variable.get("label", "x")
    return dict(said)


def test_variables_by_themselves() -> None:
    schema = form(
        [
            {"name": "prompt", "type": "text", "label": "Prompt", "description": "What to draw.", "max_length": 9},
            {"name": "size", "type": "number", "value_type": "integers", "value": 5, "min": 1, "max": 9, "step": 2},
            {"name": "style", "type": "pick", "value": PICK, "group": "Look"},
            {"name": "usual", "type": "pick", "value": {"values": ["a", "b", "a"], "weights": [0, 1, 0]}},
            {"name": "seed", "type": "number", "required": False},
            {"name": "fixed", "type": "text", "value": "x", "lock_value": True},
            {"name": "name", "type": "text", "required": True, "placeholder": "Ada"},
        ]
    )
    assert schema["required"] == ["prompt", "name"]
    assert schema["properties"] == {
        "prompt": {"title": "Prompt", "description": "What to draw.", "type": "string", "x-emprops-input": "multiline",
                   "maxLength": 9, "x-emprops-order": 0},
        "size": {"title": "size", "type": "integer", "x-emprops-input": "number", "minimum": 1, "maximum": 9,
                 "x-emprops-step": 2, "default": 5, "x-emprops-order": 1},
        "style": {
            "title": "style",
            "oneOf": [
                {"const": "#f00", "title": "red"}, {"const": "#0f0", "title": "green"}, {"const": 3, "title": "three"}
            ],
            "x-emprops-input": "choice", "x-emprops-drawn": True, "x-emprops-order": 2, "x-emprops-group": "Look",
        },
        "usual": {"title": "usual", "oneOf": [{"const": "a", "title": "a"}, {"const": "b", "title": "b"}],
                  "x-emprops-input": "choice", "default": "b", "x-emprops-order": 3},
        "seed": {"title": "seed", "type": "number", "x-emprops-input": "seed", "x-emprops-drawn": True,
                 "x-emprops-order": 4},
        "name": {"title": "name", "type": "string", "x-emprops-input": "text", "minLength": 1, "examples": ["Ada"],
                 "x-emprops-order": 5},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "field", "said"),
    [
        # files, by their value type, else by the field
        ({"type": "text", "value_type": "images"}, None, {"type": "string", "x-emprops-input": "image"}),
        ({"type": "text", "value_type": "mask"}, None, {"type": "string", "x-emprops-input": "mask"}),
        ({"type": "any", "value_type": "videos"}, None, {"type": "string", "x-emprops-input": "video"}),
        ({"type": "text", "value_type": "audio"}, None, {"type": "string", "x-emprops-input": "audio"}),
        ({"type": "text", "value_type": "files"}, None, {"type": "string", "x-emprops-input": "file"}),
        ({"type": "text"}, {"type": "image_loader"}, {"type": "string", "x-emprops-input": "image"}),
        ({"type": "text"}, {"type": "video_loader"}, {"type": "string", "x-emprops-input": "video"}),
        ({"type": "text"}, {"type": "audio_loader"}, {"type": "string", "x-emprops-input": "audio"}),
        (
            {"type": "text", "value_type": "masks"},
            {"type": "image_loader"},
            {"type": "string", "x-emprops-input": "mask"},
        ),
        # texts
        ({"type": "text"}, {"type": "input"}, {"type": "string", "x-emprops-input": "text"}),
        ({"type": "text"}, {"type": "textarea"}, {"type": "string", "x-emprops-input": "multiline"}),
        ({"type": "text", "multiline": False}, {"type": "textarea"}, {"type": "string", "x-emprops-input": "text"}),
        ({"type": "text", "multiline": True}, None, {"type": "string", "x-emprops-input": "multiline"}),
        ({"type": "any"}, None, {"type": ["string", "number", "boolean"], "x-emprops-input": "any"}),
        ({"type": "any"}, {"type": "input"}, {"type": ["string", "number", "boolean"], "x-emprops-input": "text"}),
        # switches and choices
        (
            {"type": "any", "value": True},
            {"type": "checkbox"},
            {"type": "boolean", "x-emprops-input": "switch", "default": True},
        ),
        (
            {"type": "text", "value": "false"},
            {"type": "checkbox"},
            {
                "oneOf": [{"const": "true", "title": "yes"}, {"const": "false", "title": "no"}],
                "x-emprops-input": "choice",
                "default": "false",
            },
        ),
        (
            {"type": "text"},
            {"type": "select", "options": [{"value": "a", "label": "A"}, "b"]},
            {"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "b"}], "x-emprops-input": "choice"},
        ),
        (
            {"type": "number"},
            {"type": "select", "options": [2, 4]},
            {"oneOf": [{"const": 2, "title": "2"}, {"const": 4, "title": "4"}], "x-emprops-input": "choice"},
        ),
        ({"type": "text"}, {"type": "select", "options": [2, 4]}, {"type": "string", "x-emprops-input": "text"}),
        # numbers, within the limits of both
        (
            {"type": "number", "min": 2},
            {"type": "slider", "constraints": {"min": 0, "max": 9, "step": 0.5}},
            {"type": "number", "x-emprops-input": "number", "minimum": 2, "maximum": 9, "x-emprops-step": 0.5},
        ),
        (
            {"type": "any"},
            {"type": "number", "constraints": {"step": 1}},
            {"type": "integer", "x-emprops-input": "number", "x-emprops-step": 1},
        ),
        (
            {"type": "number", "min": 0, "max": 2**64 - 1, "value_type": "integers"},
            {"id": "noise_seed", "type": "number"},
            {
                "type": "integer",
                "x-emprops-input": "seed",
                "minimum": 0,
                "maximum": 2**64 - 1,
                "x-emprops-drawn": True,
            },
        ),
        # what only forms need is left out where it makes no sense
        (
            {"type": "number", "step": 0, "placeholder": 5, "group": 1, "multiline": "yes", "value_type": 7},
            None,
            {"type": "number", "x-emprops-input": "number"},
        ),
        ({"type": "number", "value": 0}, None, {"type": "number", "x-emprops-input": "number", "default": 0}),
    ],
)
def test_what_it_is_for_follows_from_definition_and_field(
    variable: dict[str, Any], field: dict[str, Any] | None, said: dict[str, Any]
) -> None:
    assert shown(variable, field) == said


FIELDS: list[dict[str, Any]] = [
    {"id": "text", "type": "prompt_editor"},
    {"id": "picture", "type": "image_loader"},
    {"id": "amount", "type": "slider", "constraints": {"min": 1, "max": 5, "step": 1}},
    {"id": "way", "type": "select", "options": ["a", "b"]},
]
EXPECTED = {"text": "multiline", "picture": "image", "amount": "number", "way": "choice"}
FORM: dict[str, Any] = {"form": {"fields": FIELDS}}
INPUTS = [{"id": field["id"], "pathJq": f".payload.{field['id']}"} for field in FIELDS]
NODE = {"class_type": "Sampler", "inputs": {"text": "", "picture": "a.png", "amount": 1, "way": "a"}}
KINDS: dict[str, dict[str, Any]] = {
    "direct_job": FORM | {"inputs": INPUTS, "job": {"service_required": "local_image", "payload": {}}},
    "fetch_api": FORM
    | {
        "inputs": [{"id": field["id"], "pathJq": f".body.{field['id']}"} for field in FIELDS],
        "api": {"url": "https://api.example.com/v1", "method": "POST", "fetchType": "wait", "wait": {}},
        "body": {},
    },
    "comfy_workflow": FORM | {"workflow": {"1": NODE}, "inputs": {}},
    "basic": FORM,
    "dynamic_json": {
        "template": {name: f"{{{{{name}}}}}" for name in EXPECTED},
        "variable_types": {field["id"]: {key: field[key] for key in field if key != "id"} for field in FIELDS},
        "job_type": "local_image",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_workflows_of_each_kind_say_what_their_variables_are_for(kind: str) -> None:
    known = Workflow(UUID(int=0), "w", "", kind, KINDS[kind], "image/png")
    assert check(kind, known.data) == []
    variables = [{"name": f"v_{name}", "type": "number" if name == "amount" else "text"} for name in EXPECTED]
    payload = {name: f"{{{{v_{name}}}}}" for name in EXPECTED}
    found = form(variables, step(1, "w", **payload), known=(known,))["properties"]
    assert {name.removeprefix("v_"): said["x-emprops-input"] for name, said in found.items()} == EXPECTED


def test_the_samples() -> None:
    known = tuple(
        Workflow(UUID(int=0), one.name, one.label, "direct_job", one.data, one.output_mime_type) for one in WORKFLOWS
    )
    kinds = {}
    for sample in COLLECTIONS:
        found = form(sample.data["variables"], *sample.data["steps"], known=known)["properties"]
        kinds[sample.slug] = {name: said["x-emprops-input"] for name, said in found.items()}
    art = {"prompt": "multiline", "style": "choice", "palette": "choice", "seed": "seed"}
    assert kinds == {
        "art": art,
        "art-2x": art,
        "story": {"prompt": "multiline", "tone": "choice", "sentences": "number", "seed": "seed"},
        "image-to-video": {"image": "image", "duration": "choice", "motion": "choice", "aspect_ratio": "choice"},
        "upscale": {"image": "image", "factor": "choice"},
    }


def test_a_collection_that_cannot_be_run_has_the_form_of_its_variables() -> None:
    variables = [{"name": "x", "type": "text"}]
    assert form(variables, step(1, "gone", f="{{x}}"))["properties"]["x"]["x-emprops-input"] == "text"
    broken = Workflow(UUID(int=0), "w", "", "direct_job", {}, "image/png")
    assert form(variables, step(1, "w", f="{{x}}"), known=(broken,))["required"] == ["x"]


async def test_the_largest_numbers_are_exact(user: User) -> None:
    variables = [{"name": "x", "type": "number", "min": 0, "max": 2**64 - 1, "value": 2**64 - 1}]
    body = {"title": "T", "data": {"steps": [step(1, "local_image", prompt="{{x}}")], "variables": variables}}
    made = await user.post("/collections", body, status=201)
    said = (await user.get(f"/collections/{made['id']}/form"))["properties"]["x"]
    assert said["maximum"] == said["default"] == 2**64 - 1
