"""The schemas of the OpenAPI document as readers, and generators of clients, want them.

FastAPI derives them with names of Python's generics, a title for everything, and defaults, which TypeScript takes for
values that are always there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
ENVELOPE = "Envelope"
LISTED = "Listed"
"""A part of a list, of ``kit/web/cursors.py``."""
SHAPE = "View"
"""Ending of the classes that replies are made of; clients get the thing itself."""
PLACES = "#/components/schemas/"
INSIDE = ("items", "additionalProperties", "contains", "not")
LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
NAMED = ("properties", "patternProperties", "$defs")


@dataclass(frozen=True, slots=True)
class Usual:
    """What fields and parameters of these names mean where nothing else is said."""

    fields: Mapping[str, str]
    parameters: Mapping[str, str]


def tidy(document: Schema, usual: Usual) -> None:
    """Name all schemas, describe all fields and parameters, and take out titles and defaults. Raises ``ValueError`` if
    two schemas would be called the same."""
    _rename(document)
    for schema in _all(document):
        if isinstance(schema.get("title"), str):
            del schema["title"]
    sent = {name for body in _bodies(document) for name in _referred(document, body)}
    for name, schema in document["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            _describe(inner, usual.fields.get(field, ""))
            default = inner.pop("default", None)
            if name in sent and default not in (None, "", [], {}):
                inner["description"] += f" Default: `{json.dumps(default)}`."
        _describe(schema, "")
    for operation in operations_of(document):
        for parameter in operation.get("parameters", ()):
            _describe(parameter, usual.parameters.get(parameter["name"], ""))
            _without_null(parameter["schema"])


def component(reference: str) -> str:
    """Return the name of the schema that a reference is about."""
    return reference.removeprefix(PLACES)


def _describe(schema: Schema, usual: str) -> None:
    said = schema.get("description") or ("" if "$ref" in schema else usual)
    if said:
        schema["description"] = " ".join(said.replace("``", "`").split())


def _rename(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    names = {old: _name_of(old, schema) for old, schema in schemas.items()}
    twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if twice:
        raise ValueError(f"several schemas would be called {', '.join(twice)}; name their classes differently")
    for schema in list(_all(document)):
        if "$ref" in schema:
            schema["$ref"] = PLACES + names[component(schema["$ref"])]
    document["components"]["schemas"] = {names[old]: schema for old, schema in sorted(schemas.items())}


def _name_of(name: str, schema: Schema) -> str:
    """Return what a schema is called: an envelope after what is in it, anything else as its class, but for ``View``."""
    if not name.startswith((f"{ENVELOPE}_", f"{LISTED}_")):
        return name.removesuffix(SHAPE)
    data = schema["properties"]["data"]
    if name.startswith(LISTED):
        schema["description"] = "A part of a list."
        return f"{_target(data['items'])}{LISTED}"
    schema["description"] = "A success."
    if "items" in data:
        return f"{_target(data['items'])}List{ENVELOPE}"
    return "Or".join(_target(one) for one in data.get("anyOf", [data])) + ENVELOPE


def _target(schema: Schema) -> str:
    return component(schema["$ref"]).removesuffix(SHAPE)


def _without_null(schema: Schema) -> None:
    """A parameter that is left out is not null: nobody can send null in a URL or a header."""
    shapes = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(shapes) == 1:
        del schema["anyOf"]
        schema.update(shapes[0])


def operations_of(document: Schema) -> Iterator[Schema]:
    """Go through all operations of a document."""
    for operations in document["paths"].values():
        yield from operations.values()


def _bodies(document: Schema) -> Iterator[Schema]:
    for operation in operations_of(document):
        yield from operation.get("requestBody", {}).get("content", {}).values()


def _referred(document: Schema, content: Schema) -> set[str]:
    """Return the names of all schemas that a body is made of."""
    found: set[str] = set()
    open_ones = [content.get("schema", {})]
    while open_ones:
        for schema in _within(open_ones.pop()):
            name = component(schema.get("$ref", ""))
            if name and name not in found:
                found.add(name)
                open_ones.append(document["components"]["schemas"][name])
    return found


def _all(document: Schema) -> Iterator[Schema]:
    """Go through all schemas of a document, those within others too."""
    for schema in document["components"]["schemas"].values():
        yield from _within(schema)
    for operation in operations_of(document):
        for parameter in operation.get("parameters", ()):
            yield from _within(parameter["schema"])
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in part.get("content", {}).values():
                yield from _within(content.get("schema", {}))


def _within(schema: Schema) -> Iterator[Schema]:
    yield schema
    inner = [schema[key] for key in INSIDE if key in schema]
    inner += [one for key in LISTS for one in schema.get(key, ())]
    inner += [one for key in NAMED for one in schema.get(key, {}).values()]
    for one in inner:
        if isinstance(one, dict):
            yield from _within(one)
