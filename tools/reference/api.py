"""The pages of the HTTP API, one per tag, from the OpenAPI document. Made with the site, not committed."""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emprops.kit.web.openapi import SHARED
from emprops.main import create_app
from emprops.settings import Settings
from tools.reference.markdown import one_line, page, table

Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
INTRODUCTION = (
    "Every path also answers with `/api` before it, or without it. [The contract](../../contract.md) states the"
    " conventions; a running installation serves this reference at `/docs`, and the document itself at `/openapi.json`."
    " Generators make [typed clients](../../how-to/use-a-generated-client.md) of it."
)


def write(folder: Path) -> None:
    """Write a page per tag into a folder, and one that lists them."""
    document = create_app(Settings(mode="test")).openapi()
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if operation and not operation.get("deprecated"):
                by_tag[(operation.get("tags") or ["other"])[0]].append(_section(document, method, path, operation))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for tag, sections in by_tag.items():
        title = tag[0].upper() + tag[1:]
        (folder / f"{slug(tag)}.md").write_text(page(title, INTRODUCTION, *sections))
    rows = [[f"[{tag['name']}]({slug(tag['name'])}.md)", tag["description"]] for tag in document["tags"]]
    (folder / "index.md").write_text(page("HTTP API", document["info"]["description"], table(["about", "what"], rows)))


def slug(tag: str) -> str:
    """Return the name of a tag's page."""
    return tag.replace(" ", "-")


def _section(document: Json, method: str, path: str, operation: Json) -> str:
    parts = [f"## {method.upper()} {path}", operation.get("description") or operation.get("summary", "")]
    parameters = [_resolved(document, one) for one in operation.get("parameters", ())]
    if parameters:
        rows = [
            [
                f"`{one['name']}`" + (" *" if one.get("required") else ""),
                one["in"],
                _kind(one.get("schema", {})).removesuffix(" or null"),
                one_line(one.get("description")),
            ]
            for one in parameters
        ]
        parts.append(table(["parameter (*: required)", "in", "type", "meaning"], rows))
    body = _resolved(document, operation.get("requestBody") or {})
    for content in body.get("content", {}).values():
        parts.append(_fields(document, content.get("schema", {}), "field of the body (*: required)"))
        example = content.get("example") or _resolved(document, content.get("schema", {})).get("example")
        if example is not None:
            parts.append(_code(example))
    return "\n\n".join(part for part in [*parts, *_answers(document, operation)] if part)


def _answers(document: Json, operation: Json) -> Iterator[str]:
    usual = []
    rows = []
    for status, answer in sorted(operation["responses"].items()):
        answer = _resolved(document, answer)  # noqa: PLW2901 - many operations share it
        if answer["description"] == SHARED.get(status):
            usual.append(status)
        elif status < "300":
            for content in answer.get("content", {}).values():
                shape = _resolved(document, content.get("schema", {}))
                data = shape.get("properties", {}).get("data", {})
                yield _fields(document, data.get("items", data), f"field of `data`, {status}")
        else:
            rows.append([status, one_line(answer["description"])])
    if rows:
        yield table(["status", "when"], rows)
    if usual:
        yield f"Also {', '.join(usual)}, with the [usual meaning](../errors.md)."


def _fields(document: Json, schema: Json, head: str) -> str:
    shape = _resolved(document, schema)
    needed = shape.get("required", ()) if "body" in head else ()
    rows = [
        [f"`{name}`" + (" *" if name in needed else ""), _kind(one), one_line(one.get("description"))]
        for name, one in shape.get("properties", {}).items()
    ]
    return table([head, "type", "meaning"], rows) if rows else ""


def _resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        target: Any = document
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("format") or schema.get("type") or "any")
    return f"list of {_kind(schema.get('items', {}))}" if kind == "array" else kind


def _code(example: Any) -> str:
    return f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"
