"""The OpenAPI document: what FastAPI derives, with the failures that every route shares and without its 422."""

from collections import Counter
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from emprops.kit.envelope import Failure

SHARED = {
    "400": "The request is malformed or outside the documented values.",
    "401": "The caller is not known.",
    "404": "There is no such object, or it is none of the caller's business.",
    "408": "The request body did not arrive in time.",
    "413": "The request body is too large.",
    "415": "The request body is not plain JSON.",
    "500": "Something went wrong on our side.",
    "503": "An engine behind the api is away; try again.",
}


def document(app: FastAPI) -> dict[str, Any]:
    """Build the document once; later calls return the same."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        _name_operations(app, schema)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components[Failure.__name__] = Failure.model_json_schema(ref_template="#/components/schemas/{model}")
        for operations in schema["paths"].values():
            for operation in operations.values():
                _share_failures(operation)
        components.pop("HTTPValidationError", None)
        components.pop("ValidationError", None)
        app.openapi_schema = schema
    return app.openapi_schema


def _name_operations(app: FastAPI, schema: dict[str, Any]) -> None:
    """Name each operation after its function, which reads well in generated clients; aliases keep the long names."""
    names = {
        (context.path_format, method.lower()): str(context.name)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and context.include_in_schema
        for method in context.methods or ()
    }
    taken = Counter(names.values())
    for (path, method), name in names.items():
        if taken[name] == 1:
            schema["paths"][path][method]["operationId"] = name


def _share_failures(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    parameters = operation.get("parameters", ())
    statuses = ["400", "500", "503"]
    if operation.get("security"):
        statuses.append("401")
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses.append("404")
    if "requestBody" in operation:
        statuses += ["408", "413", "415"]
    schema = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Failure.__name__}"}}}
    for status in statuses:
        responses.setdefault(status, {"description": SHARED[status], "content": schema})
    operation["responses"] = dict(sorted(responses.items()))
