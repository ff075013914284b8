"""The variables of a collection as JSON Schema, with all that a form needs: docs/08-collections.md lists it.

What a variable is for follows from its definition, else from the workflow's field that it fills, else from its name.
"""

from collections.abc import Collection, Mapping
from typing import Any

from emprops.collections.picks import Option
from emprops.collections.uses import FILE_TYPES, usual_use
from emprops.collections.variables import Definition
from emprops.workflows.forms import Field

Json = dict[str, Any]

INPUT = "x-emprops-input"
SWITCH = (Option("true", "yes"), Option("false", "no"))
"""What a text may be that fills a switch."""
NO_FIELD = Field("", "any")


def json_schema(definitions: Collection[Definition], uses: Mapping[str, Field]) -> Json:
    """Describe the ``variables`` object of a generate request as JSON Schema; locked variables are left out.

    ``uses``: the field of a workflow that a variable fills by itself, where there is one.
    """
    free = [definition for definition in definitions if not definition.locked]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            definition.name: _property(definition, uses.get(definition.name, NO_FIELD)) | _place(definition, order)
            for order, definition in enumerate(free)
        },
        "required": [definition.name for definition in free if definition.lacks(definition.settle(""))],
    }


def _place(definition: Definition, order: int) -> Json:
    grouped = {"x-emprops-group": definition.group} if definition.group else {}
    return {"x-emprops-order": order} | grouped


def _property(definition: Definition, field: Field) -> Json:
    schema: Json = {"title": definition.label or definition.name}
    if definition.description:
        schema["description"] = definition.description
    schema |= _content(definition, field)
    if definition.placeholder:
        schema["examples"] = [definition.placeholder]
    return schema


def _content(definition: Definition, field: Field) -> Json:
    options = definition.options or _options(definition, field)
    if definition.type == "pick":
        likely = [option.value for option in options if option.weight]
        drawn = {"default": likely[0]} if len(likely) == 1 else {"x-emprops-drawn": True}
        return _choice(options) | drawn
    if options:
        return _choice(options) | _default(definition)
    if definition.type == "any" and field.taking == "switch":
        return {"type": "boolean", INPUT: "switch"} | _default(definition)
    if definition.type == "number" or (definition.type == "any" and field.taking == "number"):
        return _number(definition, field)
    return _text(definition, field)


def _options(definition: Definition, field: Field) -> tuple[Option, ...]:
    """Return the choices of the field that a variable fills, where the variable can be each of them."""
    if definition.type == "text" and field.taking == "switch":
        return SWITCH
    kinds: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "any": (str, int, float, bool)}
    fits = all(type(value) in kinds[definition.type] for value in field.options)
    return tuple(map(Option, field.options, field.labels)) if fits else ()


def _choice(options: Collection[Option]) -> Json:
    distinct = {(type(option.value), option.value): option for option in options}
    return {
        "oneOf": [{"const": option.value, "title": option.name} for option in distinct.values()],
        INPUT: "choice",
    }


def _number(definition: Definition, field: Field) -> Json:
    low = [limit for limit in (definition.minimum, field.minimum) if limit is not None]
    high = [limit for limit in (definition.maximum, field.maximum) if limit is not None]
    is_seed = "seed" in (usual_use(definition.name), usual_use(field.id))
    schema: Json = {
        "type": "integer" if definition.whole or field.whole else "number",
        INPUT: "seed" if is_seed else "number",
    }
    schema |= {"minimum": max(low)} if low else {}
    schema |= {"maximum": min(high)} if high else {}
    step = definition.step or field.step
    schema |= {"x-emprops-step": step} if step else {}
    default = _default(definition)
    return schema | (default or ({"x-emprops-drawn": True} if is_seed else {}))


def _text(definition: Definition, field: Field) -> Json:
    schema: Json = {"type": ["string", "number", "boolean"] if definition.type == "any" else "string"}
    kind = _file_kind(definition, field)
    if kind:
        schema["type"] = "string"
    elif definition.type == "any" and field.taking != "text":
        kind = "any"
    else:
        is_long = definition.multiline
        if is_long is None:
            is_long = field.long or usual_use(definition.name) == "text"
        kind = "multiline" if is_long else "text"
    schema[INPUT] = kind
    if definition.max_length is not None:
        schema["maxLength"] = definition.max_length
    if definition.required and definition.type == "text":
        schema["minLength"] = 1
    return schema | _default(definition)


def _file_kind(definition: Definition, field: Field) -> str:
    """Return which kind of file a variable takes: image, mask, video, audio, or file for any; empty: it takes none."""
    if definition.value_type in FILE_TYPES:
        return definition.value_type.removesuffix("s")
    if field.taking != "file" or definition.type == "number":
        return ""
    return "mask" if field.media == "image" and "mask" in field.id.lower() else field.media or "file"


def _default(definition: Definition) -> Json:
    default = definition.settle("")
    return {} if default in (None, "") else {"default": default}
