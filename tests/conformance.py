"""Hold every answer that a test gets against the OpenAPI document: its status is listed, its body fits the schema.

The clients of ``tests/apps.py`` do this with each answer, so that a status which some test provokes cannot stay
undocumented. Routes that a test adds to the api are not in the document and are let through.
"""

import re
from functools import cache
from typing import Any

import httpx2
import jsonschema_rs
import orjson

from emprops.main import create_app
from emprops.settings import Settings

DOCUMENT = "urn:openapi"
"""Name of the document for schemas that refer to it."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@cache
def document() -> dict[str, Any]:
    """The document of the api."""
    return dict(create_app(Settings(mode="test")).openapi())


@cache
def _operations() -> list[tuple[str, re.Pattern[str], str, dict[str, Any]]]:
    """All operations, those without parameters in their path first, as the router decides."""
    found = []
    for path, operations in document()["paths"].items():
        segments = re.sub(r"\{\w+\}", "[^/]+", path.removeprefix("/api")).replace("/files/[^/]+", "/files/.+")
        for method, operation in operations.items():
            found.append((method.upper(), re.compile(f"(/api)?{segments}"), path, operation))
    return sorted(found, key=lambda one: one[2].count("{"))


def response_of(operation: dict[str, Any], status: str) -> dict[str, Any]:
    """What the document says of an answer; many operations share those that tell of failures."""
    response: dict[str, Any] = operation["responses"][status]
    if "$ref" in response:
        return dict(document()["components"]["responses"][response["$ref"].rpartition("/")[2]])
    return response


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(DOCUMENT, document())])


def validator_of(schema: dict[str, Any], *, formats: bool = False) -> jsonschema_rs.Draft202012Validator:
    """What checks values by a schema, which may refer to the components of the document.

    The document is read once: with a copy of it in each schema, that would take a hundred times as long.
    """
    return _compiled(orjson.dumps(schema).decode(), formats)


@cache
def _compiled(schema: str, formats: bool) -> jsonschema_rs.Draft202012Validator:
    refers = schema.replace('"#/components/', f'"{DOCUMENT}#/components/')
    return jsonschema_rs.Draft202012Validator(orjson.loads(refers), registry=_registry(), validate_formats=formats)


@cache
def validator(path: str, method: str, status: str) -> jsonschema_rs.Draft202012Validator | None:
    """What checks an answer's body; None if the document has no schema for it."""
    content = response_of(document()["paths"][path][method.lower()], status).get("content", {})
    if "application/json" not in content:
        return None
    return validator_of(content["application/json"]["schema"])


async def check(response: httpx2.Response) -> None:
    """Raise ``AssertionError`` for an answer that the document does not describe."""
    request = response.request
    found = [one for one in _operations() if one[0] == request.method and one[1].fullmatch(request.url.path)]
    if not found:
        return
    method, _, path, operation = found[0]
    where = f"{method} {path} answered {response.status_code}"
    status = str(response.status_code)
    assert status in operation["responses"], f"{where}, which the OpenAPI document does not list (kit/web/openapi.py)"
    kind = response.headers.get("content-type", "")
    validates = validator(path, method, status)
    if validates is not None and kind.startswith("application/json"):
        await response.aread()
        problems = [error.message for error in validates.iter_errors(response.json())]
        assert not problems, f"{where}, not as the OpenAPI document says: {problems}"
