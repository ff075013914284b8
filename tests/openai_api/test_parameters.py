"""What parameters mean, for collections of every kind."""

from typing import Any

import pytest

from emprops.collections import instructions
from emprops.kit.ids import new_id
from emprops.openai_api.failures import ParameterError
from emprops.openai_api.inputs import Inputs, inputs_of, makes
from emprops.openai_api.parameters import Wish, variables_of
from emprops.workflows.store import Workflow

Json = dict[str, Any]
TEXT: Json = {"type": "text", "required": False}


def workflow(name: str, *fields: Json, mime_type: str = "image/png") -> Workflow:
    data = {
        "form": {"fields": list(fields)},
        "inputs": [{"id": field["id"], "pathJq": f".payload.{field['id']}"} for field in fields],
        "job": {"service_required": "noop", "payload": {}},
    }
    return Workflow(
        id=new_id(), name=name, label="", type="direct_job", data=data, output_mime_type=mime_type, models=(),
        custom_nodes=(), saved=None, user_id=None, owner_roles=(),
    )  # fmt: skip


def inputs(variables: list[Json], payload: Json | None = None, *fields: Json) -> Inputs:
    data = {"steps": [{"id": 1, "nodeName": "w", "nodePayload": payload or {}}], "variables": variables}
    return inputs_of(instructions.parse(data, {"w"}), {"w": workflow("w", *fields)})


def pick(name: str, *values: Any) -> Json:
    return {"name": name, "type": "pick", "value": {"values": list(values)}}


@pytest.mark.parametrize(
    ("variables", "payload", "prompt"),
    [
        ([{"name": "prompt", **TEXT}, {"name": "text", **TEXT}], {}, "prompt"),
        ([{"name": "Prompt", **TEXT}, {"name": "other", **TEXT}], {}, "Prompt"),
        ([{"name": "other", **TEXT}, {"name": "caption", **TEXT}], {}, "caption"),
        ([{"name": "a", **TEXT}, {"name": "b", **TEXT}], {"prompt": "{{b}}", "style": "{{a}}"}, "b"),
        ([{"name": "a", **TEXT}, {"name": "b", **TEXT}], {"prompt": "a painting of {{b}}", "style": "{{a}}"}, "b"),
        ([{"name": "subject", **TEXT}, pick("mood", "calm", "wild")], {}, "subject"),
        ([{"name": "thing", "type": "any", "required": False}], {"payload": {"prompt": "{{thing}}"}}, "thing"),
        ([{"name": "a", **TEXT}, {"name": "b", **TEXT}], {}, None),
        ([pick("prompt", "calm", "wild")], {}, None),
        ([{"name": "prompt", **TEXT, "lock_value": True, "value": "x"}], {}, None),
    ],
)
def test_which_variable_is_the_prompt(variables: list[Json], payload: Json, prompt: str | None) -> None:
    fields = [{"id": name, "type": "prompt_editor"} for name in payload]
    found = inputs(variables, payload, *fields).prompt()
    assert (found and found.name) == prompt


@pytest.mark.parametrize(
    ("variables", "size", "found"),
    [
        ([{"name": "width", "type": "number"}, {"name": "height", "type": "number"}], "512x768", (512, 768)),
        ([pick("width", 512, 1024), pick("height", 512, 1024)], "1024X512", (1024, 512)),
        ([pick("size", "1024x1024", "1536x1024")], "1536x1024", ("1536x1024",)),
        ([pick("size", "1024*1024 (1:1)", "1536*1024 (3:2)")], "1536x1024", ("1536*1024 (3:2)",)),
        ([{"name": "size", **TEXT}], "512x512", ("512x512",)),
        ([pick("aspect_ratio", "16:9", "1:1", "4:3")], "1024x1024", ("1:1",)),
        ([pick("aspect_ratio", "16:9", "1:1", "4:3")], "1792x1024", ("16:9",)),
        ([pick("aspect_ratio", "wide", "square")], "1792x1024", ()),
        ([{"name": "width", "type": "number"}], "512x512", ()),
        ([], "512x512", ()),
        ([{"name": "width", "type": "number"}, {"name": "height", "type": "number"}], "auto", ()),
        ([{"name": "width", "type": "number"}, {"name": "height", "type": "number"}], None, ()),
    ],
)
def test_what_a_size_sets(variables: list[Json], size: str | None, found: tuple[Any, ...]) -> None:
    known = inputs([{"name": "prompt", **TEXT}, *({**one, "required": False} for one in variables)])
    values = variables_of(known, Wish("a harbour", size=size))
    assert tuple(value for name, value in values.items() if name != "prompt") == found


@pytest.mark.parametrize("size", ["large", "512", "512x", "0x512", "-512x512", "512x512x512", "٥١٢x512"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(ParameterError, match="WIDTHxHEIGHT"):
        variables_of(inputs([{"name": "prompt", **TEXT}]), Wish("a harbour", size=size))


def test_a_size_that_the_model_does_not_make_is_refused() -> None:
    known = inputs([{"name": "prompt", **TEXT}, pick("width", 512), pick("height", 512)])
    with pytest.raises(ParameterError, match=r"^size: width must be one of 512\.$"):
        variables_of(known, Wish("a harbour", size="1024x1024"))


def test_what_only_changes_pictures_needs_no_prompt() -> None:
    known = inputs([{"name": "image", **TEXT}, {"name": "factor", "type": "number", "required": False}])
    assert known.prompt() is None
    assert variables_of(known, Wish("", images=["asset:1"])) == {"image": "asset:1"}
    with pytest.raises(ParameterError):
        variables_of(known, Wish("a harbour"))


def test_numbers_may_come_as_texts() -> None:
    known = inputs([{"name": "prompt", **TEXT}, {"name": "seed", "type": "number", "value_type": "integers"}])
    assert variables_of(known, Wish("x", others={"seed": "7"})) == {"prompt": "x", "seed": 7}
    with pytest.raises(ParameterError, match="seed must be a whole number"):
        variables_of(known, Wish("x", others={"seed": "7.5"}))


def test_what_counts_is_what_comes_out() -> None:
    made = {"w": workflow("w"), "v": workflow("v", {"id": "image", "type": "image_loader"}, mime_type="video/mp4")}
    first = {"id": 1, "nodeName": "w", "nodePayload": {}}
    second = {"id": 2, "nodeName": "v", "nodePayload": {"image": {"$ref": 1}}}
    picture = instructions.parse({"steps": [first]}, made)
    video = instructions.parse({"steps": [first, second]}, made)
    assert (makes("image/", picture, made), makes("video/", picture, made)) == (True, False)
    assert (makes("image/", video, made), makes("video/", video, made)) == (False, True)


@pytest.mark.parametrize(
    ("variable", "seconds", "found"),
    [
        ({"name": "duration", "type": "number"}, "4", 4),
        (pick("duration", "4s", "8s"), "8", "8s"),
        (pick("seconds", 4, 8), "8", 8),
        ({"name": "style", **TEXT}, "8", None),
        ({"name": "duration", "type": "number"}, None, None),
    ],
)
def test_how_long_a_video_is(variable: Json, seconds: str | None, found: Any) -> None:
    known = inputs([{"name": "prompt", **TEXT}, {**variable, "required": False}])
    values = variables_of(known, Wish("a harbour", seconds=seconds))
    assert values.get(variable["name"]) == found
