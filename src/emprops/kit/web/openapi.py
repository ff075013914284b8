"""The OpenAPI document: what FastAPI derives, with the failures that every route shares and without its 422."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from emprops.errors import AppError, TooManyRequestsError, UnavailableError
from emprops.kit.web.envelope import Failure, example_of
from emprops.kit.web.idempotency import HEADER, REPLAYED
from emprops.kit.web.openapi_schemas import Usual, component, operations_of, tidy

Security = list[dict[str, list[str]]]
"""Ways to be known, one of which a caller needs; ``{}`` is to be nobody (OpenAPI: Security Requirement)."""
RESPONSES = "#/components/responses/"
FAILURE = {"$ref": f"#/components/schemas/{Failure.__name__}"}

SHARED = {
    "400": "The request is malformed or outside the documented values.",
    "401": "The caller is not known.",
    "403": "The API key lacks the scope for this, or the request comes from another site's page.",
    "404": "There is no such object, or it is not the caller's.",
    "408": "The request body did not arrive in time.",
    "409": "A request with this Idempotency-Key is still running.",
    "413": "The request body is too large.",
    "415": "The request body is not plain JSON.",
    "422": "This Idempotency-Key was used before with another request.",
    "429": "The caller asks more often, or for more at once, than is allowed; try again.",
    "500": "Something went wrong on our side.",
    "503": "An engine behind the api is away; try again.",
}
NAMES = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "408": "RequestTimeout",
    "409": "IdempotencyRunning",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "422": "IdempotencyMismatch",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
}
"""What these answers are called, which most operations share."""
UNDESCRIBED = "Successful Response"
"""What FastAPI says of an answer of which nobody said anything."""
OF_KEYS = ("409", "422")
"""Statuses of operations that take an idempotency key."""
WITH_RETRY_AFTER = (TooManyRequestsError.status, UnavailableError.status)
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
REPLAY = {REPLAYED: {"description": "`true` on an answer that was given before.", "schema": {"type": "string"}}}


def document(
    app: FastAPI,
    security_of: Callable[[Dependant], Security | None],
    schemes: dict[str, dict[str, str]],
    usual: Usual,
) -> dict[str, Any]:
    """Build the document once; later calls return the same. ``security_of``: who may call a route."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            license_info=app.license_info,
        )
        contexts = {
            (str(context.path_format), method.lower()): context
            for context in iter_route_contexts(app.routes)
            if isinstance(context.original_route, APIRoute) and context.include_in_schema
            for method in context.methods or ()
        }
        for (path, method), context in contexts.items():
            operation = schema["paths"][path][method]
            operation["operationId"] = name = context.operation_id or _in_one_word(str(context.name))
            operation["summary"] = _in_words(name)
            operation["security"] = security_of(context.dependant)
        components = schema.setdefault("components", {})
        components["securitySchemes"] = schemes
        shapes = components.setdefault("schemas", {})
        shapes[Failure.__name__] = Failure.model_json_schema(ref_template="#/components/schemas/{model}")
        components["responses"] = {NAMES[status]: _shared(status) for status in SHARED}
        for operation in operations_of(schema):
            _share_failures(operation)
        for unused in ("HTTPValidationError", "ValidationError"):
            shapes.pop(unused, None)
        tidy(schema, usual)
        _show_answers(schema)
        _restore_nulls(schema)
        schema["paths"] = _in_order_of_tags(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _in_one_word(name: str) -> str:
    """Return what clients call an operation, after its function: ``list_decks`` is ``listDecks``."""
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


def _in_words(name: str) -> str:
    """Return an operation's name as people read it: ``listDecks`` is ``List decks``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[0].upper() + words[1:].lower()


def _in_order_of_tags(schema: dict[str, Any]) -> dict[str, Any]:
    tags = [tag["name"] for tag in schema["tags"]]
    first = {path: next(iter(operations.values()))["tags"][0] for path, operations in schema["paths"].items()}
    return dict(sorted(schema["paths"].items(), key=lambda item: tags.index(first[item[0]])))


def _show_answers(document: dict[str, Any]) -> None:
    """Describe successes by what is in their envelopes, and show a whole answer where that has an example."""
    schemas = document["components"]["schemas"]
    for operation in operations_of(document):
        for response in (one for status, one in operation["responses"].items() if status.startswith("2")):
            content = response.get("content", {}).get("application/json", {})
            envelope = schemas.get(component(content.get("schema", {}).get("$ref", "")), {})
            data = envelope.get("properties", {}).get("data", {})
            inside = schemas.get(component(data.get("items", data).get("$ref", "")), {})
            if response["description"] == UNDESCRIBED:
                said = inside.get("description", "What was asked for.")
                response["description"] = f"A list. Each: {said}" if "items" in data else said
            if "example" in inside and not content.keys() & {"example", "examples"}:
                shown = deepcopy(inside["example"])
                content["example"] = {"data": [shown] if "items" in data else shown, "error": None}


def _share_failures(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status in _shared_statuses(operation):
        known = responses.setdefault(status, {"description": SHARED[status]})
        if status in OF_KEYS and known["description"] != SHARED[status]:
            known["description"] += f" Or: {SHARED[status]}"
    for status, response in responses.items():
        if int(status) >= 400:
            _describe_failure(int(status), response)
            if status in SHARED and response == _shared(status):
                responses[status] = {"$ref": f"{RESPONSES}{NAMES[status]}"}
        elif _takes_key(operation):
            response.setdefault("headers", {}).update(REPLAY)
    operation["responses"] = dict(sorted(responses.items()))


def _shared(status: str) -> dict[str, Any]:
    """Return an answer that many operations give."""
    response: dict[str, Any] = {"description": SHARED[status]}
    _describe_failure(int(status), response)
    return response


def _shared_statuses(operation: dict[str, Any]) -> list[str]:
    statuses = ["400", "500", "503"]
    if operation.get("security"):
        statuses += ["401", "403", "429"]
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses.append("404")
    if "requestBody" in operation:
        statuses += ["408", "413", "415"]
    if _takes_key(operation):
        statuses += OF_KEYS
    return statuses


def _takes_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == HEADER for parameter in operation.get("parameters", ()))


def _describe_failure(status: int, response: dict[str, Any]) -> None:
    """Set a failure's shape and, unless it has one, an example."""
    content = response.setdefault("content", {}).setdefault("application/json", {})
    content["schema"] = FAILURE
    if "example" in content:
        content["example"] = {"data": None, **content["example"]}  # FastAPI takes nulls out of examples
    elif "examples" not in content:
        kinds: list[type[AppError]] = [AppError, *AppError.__subclasses__()]
        code = next((kind.code for kind in kinds if kind.status == status), "failed")
        content["example"] = example_of(response["description"].partition(" Or: ")[0], code)
    if status in WITH_RETRY_AFTER or response["description"].endswith(SHARED["409"]):
        response["headers"] = RETRY_AFTER


def _restore_nulls(document: dict[str, Any]) -> None:
    """Put back the nulls that FastAPI takes out of examples: without them, an example does not fit its own schema."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        for example in [schema.get("example"), *schema.get("examples", ())]:
            _complete(example, schema, schemas)
    for operation in operations_of(document):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in part.get("content", {}).values():
                named = [one["value"] for one in content.get("examples", {}).values()]
                for example in (content.get("example"), *named):
                    _complete(example, content.get("schema", {}), schemas)


def _complete(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(example, list):
        for item in example:
            _complete(item, schema.get("items", {}), schemas)
    elif isinstance(example, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in example:
                for shape in inner.get("anyOf", [inner]):
                    _complete(example[name], shape, schemas)
            elif inner.get("type") == "null" or (name in schema.get("required", ()) and _may_be_null(inner)):
                example[name] = None


def _may_be_null(schema: dict[str, Any]) -> bool:
    return not schema.keys() & {"type", "anyOf", "$ref"} or {"type": "null"} in schema.get("anyOf", ())
