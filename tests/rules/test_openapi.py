"""The OpenAPI document is complete: operations of the contract, routes, failures, examples that are true."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from tests.conformance import document, response_of, validator_of
from tests.rules import contract
from tests.rules.callers import SERVICE
from tests.rules.route_table import TABLE

from emprops.main import create_app
from emprops.routes import TAGS
from emprops.settings import Settings

DOCUMENT = document()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]
PAGES = {
    "/",
    "/docs",
    "/session/oidc",
    "/session/oidc/callback",
    "/console",
    "/console/{}",
    "/watch/{}",
    "/watch/static/{}",
    "/d/{}",
}
ALIASES = {"/collections/{}/generations", "/jobs/{}/events", "/webhooks/mux"} | PAGES
"""Other spellings, and what is not for clients: served, and not documented."""
DOORS = ("/v1/", "/v2/", "/assets/uploads")
"""What is below these speaks another API, which has a document of its own."""
ONE_USE = "a ticket is for one use, and another one costs nothing"
WITHOUT_KEY = {
    "createStreamTicket": ONE_USE,
    "createMyStreamTicket": ONE_USE,
    "createSocketTicket": ONE_USE,
    "signIn": "its answer has a secret, in a cookie, which must not be stored",
    "createSignInLink": "its answer is a secret, which must not be stored",
    "createKey": "its answer is a secret, which must not be stored",
    "createWebhook": "its answer has a secret, which must not be stored; sent again, it is refused",
}
"""Operations that answer 201 and take no idempotency key."""

each_operation = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


validator = partial(validator_of, formats=True)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@pytest.mark.parametrize(("method", "path"), contract.OPERATIONS, ids=lambda part: part)
def test_what_the_contract_documents_is_there(method: str, path: str) -> None:
    assert (method, shape(path)) in {(known, shape(at)) for known, at, _ in OPERATIONS}


def test_every_route_is_in_the_document_or_an_alias() -> None:
    served = {
        (method, shape(str(context.path).removeprefix("/api")))
        for context in iter_route_contexts(create_app(Settings(mode="test")).routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    }
    documented = {(method, shape(path.removeprefix("/api"))) for method, path, _ in OPERATIONS}
    hidden = {path for _, path in served - documented}
    assert {path for path in hidden if not path.startswith(DOORS)} == ALIASES
    assert documented <= served


def test_the_document_as_a_whole() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("name", scheme.get("scheme"))) for scheme in schemes.values()} == {
        ("apiKey", "user_id"),
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
        ("apiKey", "__Host-emprops"),
    }
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    used = {tag for _, _, operation in OPERATIONS for tag in operation["tags"]}
    assert used <= TAGS.keys(), "describe the tag in routes.py"
    assert {tag["name"] for tag in DOCUMENT["tags"]} == TAGS.keys()
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


@each_operation
def test_it_says_what_it_does_and_who_may(method: str, path: str, operation: dict[str, Any]) -> None:
    assert len(operation["description"]) > 10
    rows = {(row.method, shape(row.path)): row for row in TABLE}
    row = rows.get((method, shape(path.removeprefix("/api"))))
    if row is None:
        return  # test_route_matrix.py says so
    security = operation.get("security", [])
    anybody = not security or {} in security
    assert anybody == (row.who.nobody != 401)
    assert row.who.other != SERVICE.other or security == [{"api_key": []}]


@each_operation
def test_it_lists_the_failures_it_can_give(method: str, path: str, operation: dict[str, Any]) -> None:
    expected = {"400", "500", "503"}
    if operation.get("security"):
        expected |= {"401", "403"}
    if "{" in path:
        expected |= {"404"}
    if "requestBody" in operation:
        expected |= {"408", "413", "415"}
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        expected |= {"409", "422"}
    else:
        assert "422" not in operation["responses"], "malformed input is 400"
    assert expected <= operation["responses"].keys()
    for status in operation["responses"]:
        if status >= "400":
            content = response_of(operation, status)["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Failure"}
            assert list(content["example"])[:4] == ["data", "error", "code", "request_id"]


FILES_AND_STREAMS = {
    "getFile",
    "getAssetContent",
    "workerGetFile",
    "getJobPreview",
    "streamJob",
    "streamMyJobs",
    "getMetrics",
}


@each_operation
def test_its_success_is_a_typed_envelope(method: str, path: str, operation: dict[str, Any]) -> None:
    successes = [status for status in operation["responses"] if status in ("200", "201", "202")]
    assert len(successes) == 1 or "Prefer" in {parameter["name"] for parameter in operation["parameters"]}
    for success in successes:
        content = operation["responses"][success]["content"]
        if "application/json" not in content:
            assert operation["operationId"] in FILES_AND_STREAMS
            continue
        envelope = resolved(content["application/json"]["schema"])
        assert envelope.get("properties", {}).keys() >= {"data", "error"}, "give it response_model=Envelope[…]"
        data = envelope["properties"]["data"]
        assert data.keys() & {"$ref", "anyOf", "items"}, "type what is in the envelope"
        assert "items" not in data or "$ref" in data["items"] or data["items"].get("type")


@pytest.mark.parametrize(
    ("method", "path", "required"),
    [
        ("POST", "/workflows", {"file", "name"}),
        ("PATCH", "/workflows/{}", {"file"}),
        ("PUT", "/workflows/{}", {"file"}),
    ],
)
def test_a_workflow_may_be_sent_as_a_file(method: str, path: str, required: set[str]) -> None:
    [operation] = [one for known, at, one in OPERATIONS if (known, shape(at)) == (method, f"/api{path}")]
    content = operation["requestBody"]["content"]
    assert content.keys() == {"application/json", "multipart/form-data"}
    form = content["multipart/form-data"]["schema"]
    assert set(form["required"]) == required
    assert form["properties"].keys() >= {"file", "name", "label", "description", "data", "credits", "models"}


@each_operation
def test_a_post_that_creates_takes_a_key(method: str, path: str, operation: dict[str, Any]) -> None:
    creates = method == "POST" and operation["responses"].keys() & {"201", "202"}
    if creates and operation["operationId"] not in WITHOUT_KEY:
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert "Idempotency-Key" in names, "see docs/how-to/add-an-endpoint.md"


def described(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON contents of an operation: its body, its answers."""
    answers = {status: response_of(operation, status) for status in operation["responses"]}
    parts = {"body": operation.get("requestBody", {}), **answers}
    for name, part in parts.items():
        content = part.get("content", {}).get("application/json")
        if content is not None:
            yield name, content


@each_operation
def test_its_examples_fit(method: str, path: str, operation: dict[str, Any]) -> None:
    for name, content in described(operation):
        examples = [content["example"]] if "example" in content else []
        examples += [one["value"] for one in content.get("examples", {}).values()]
        for example in examples:
            assert [error.message for error in validator(content["schema"]).iter_errors(example)] == [], name
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        [body] = [content for name, content in described(operation) if name == "body"]
        schema = resolved(body["schema"])
        assert "example" in body or "example" in schema or "examples" in schema, "show what to send"


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_the_examples_of_a_schema_fit(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    for example in [*schema.get("examples", ()), *([schema["example"]] if "example" in schema else ())]:
        assert [error.message for error in validator(schema).iter_errors(example)] == []


@pytest.mark.parametrize(("method", "path"), list(contract.BODIES), ids=lambda part: part)
def test_the_bodies_of_the_contract_fit(method: str, path: str) -> None:
    [operation] = [one for known, at, one in OPERATIONS if (known, shape(at)) == (method, shape(path))]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for body in contract.BODIES[method, path]:
        assert [error.message for error in validator(schema).iter_errors(body)] == []
