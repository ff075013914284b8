"""The variables of a collection as JSON Schema."""

from collections.abc import Collection
from typing import Any

from emprops.collections.variables import Definition


def json_schema(definitions: Collection[Definition]) -> dict[str, Any]:
    """Describe the ``variables`` object of a generate request as JSON Schema; locked variables are left out."""
    free = [definition for definition in definitions if not definition.locked]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {definition.name: _property(definition) for definition in free},
        "required": [definition.name for definition in free if definition.lacks(definition.settle(""))],
    }


def _property(definition: Definition) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": definition.label or definition.name}
    if definition.description:
        schema["description"] = definition.description
    if definition.type == "pick":
        distinct = {(type(option.value), option.value): option for option in definition.options}
        schema["oneOf"] = [{"const": option.value, "title": option.name} for option in distinct.values()]
        likely = [option.value for option in definition.options if option.weight]
        return schema | ({"default": likely[0]} if len(likely) == 1 else {})
    limits: dict[str, Any]
    if definition.type == "any":
        schema["type"] = ["string", "number", "boolean"]
        limits = {"maxLength": definition.max_length}
    elif definition.type == "number":
        schema["type"] = "integer" if definition.whole else "number"
        limits = {"minimum": definition.minimum, "maximum": definition.maximum}
    else:
        schema["type"] = "string"
        limits = {"maxLength": definition.max_length, "minLength": 1 if definition.required else None}
    default = definition.settle("")
    limits["default"] = None if default == "" else default
    return schema | {key: value for key, value in limits.items() if value is not None}
