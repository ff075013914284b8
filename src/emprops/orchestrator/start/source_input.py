"""How an output gets into the collection it is developed with: which variable or field takes it. Pure.

The first that fits counts: a variable whose ``value_type`` says so, a file field of a workflow's form (or the variable
in it), a variable or a field of a telling name. For texts the names come first, because every text field takes a text,
and at last any variable that is a text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emprops.collections.instructions import Phrase
from emprops.orchestrator.start.recipes import Recipe, recipe_of
from emprops.workflows.prompt_text import Variable
from emprops.workflows.store import Workflow

TEXT = "text"
CARRIER = "source_output"
"""Name of the variable that is added to carry the value into a bare field."""


@dataclass(frozen=True, slots=True)
class BareField:
    """A form field that the collection leaves open."""

    step: int
    field: str


def find_input(data: Any, workflows: Mapping[str, Workflow], input_type: str) -> str | BareField | None:
    """Return what takes an ``image``, ``video`` or ``text``: a variable, by name, or a bare field; None if none does.

    Raises :class:`~emprops.errors.CollectionCorruptedError`.
    """
    recipe = recipe_of(data, workflows)
    free = [item.name for item in recipe.instructions.variables if not item.locked and item.type in ("text", "any")]
    by_type = _by_value_type(data, free, input_type)
    if by_type is not None:
        return by_type
    names = (input_type, f"{input_type}_url", f"{input_type}_1", "input")
    by_name = next((name for name in names if name in free), None)
    fields = list(_fields(recipe, free, input_type))
    telling = next((place for name in names for field, place in fields if field == name), None)
    any_field = next((place for _, place in fields), None)
    order: tuple[str | BareField | None, ...] = (telling, any_field, by_name)
    if input_type == TEXT:
        order = (by_name, telling, any_field, next(iter(free), None))
    return next((place for place in order if place is not None), None)


def with_input(
    data: dict[str, Any], given: Mapping[str, Any], place: str | BareField, value: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the instruction set and the variables with the value in its place, unless the caller set that variable."""
    if isinstance(place, str):
        return data, dict(given) if given.get(place) is not None else {**given, place: value}
    variables = data.get("variables") or []
    taken = {item["name"] for item in variables}
    carrier = next(name for name in _carriers() if name not in taken)
    steps = [
        {**step, "nodePayload": {**(step.get("nodePayload") or {}), place.field: f"{{{{{carrier}}}}}"}}
        if step["id"] == place.step
        else step
        for step in data["steps"]
    ]
    added = {"name": carrier, "type": "text", "value": value, "lock_value": True}
    return {**data, "variables": [*variables, added], "steps": steps}, dict(given)


def _by_value_type(data: Any, free: Sequence[str], input_type: str) -> str | None:
    fitting = (input_type, f"{input_type}s")
    items = data.get("variables") or []
    return next((item["name"] for item in items if item["name"] in free and item.get("value_type") in fitting), None)


def _fields(recipe: Recipe, free: Sequence[str], input_type: str) -> Iterator[tuple[str, str | BareField]]:
    """Return the fields that take this, by name, with what has to be set: a variable or the field itself.

    Fields made for a video come before those for any file, and a picture goes into none of them.
    """
    fitting = {TEXT: ("",), "image": ("image",)}.get(input_type, (input_type, "image"))
    for media in fitting:
        yield from _fields_of(recipe, free, media)


def _fields_of(recipe: Recipe, free: Sequence[str], media: str) -> Iterator[tuple[str, str | BareField]]:
    for step in recipe.instructions.steps:
        for field in recipe.forms[step.node_name].fields.values():
            if field.media != media or field.taking not in ("text", "file"):
                continue
            match step.payload.get(field.id):
                case None | "":
                    yield field.id, BareField(step.id, field.id)
                case Phrase(parts=(Variable(name=name),)) if name in free:
                    yield field.id, name


def _carriers() -> Iterator[str]:
    name = CARRIER
    while True:
        yield name
        name += "_"
