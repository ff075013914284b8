"""The OpenAPI document reads well, also as the client that a generator makes of it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conformance import document, response_of

from emprops.routes import TAGS

DOCUMENT = document()
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize("operation", [one for _, one in OPERATIONS], ids=[at for at, _ in OPERATIONS])
each_schema = pytest.mark.parametrize("name", sorted(SCHEMAS))
MAIN = {
    "generate": ("jobId", "outputIds", "warnings"),
    "developOutput": ("job_id", "output_id"),
    "getJob": ("id", "status", "output_ids", "queue"),
    "publishCollection": ("id", "title", "data"),
}


def test_operations_are_called_what_one_would_call_them() -> None:
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z][A-Za-z0-9]{2,39}", name)] == []
    assert {"generate", "getJob", "retryJob", "listOutputs", "listDecks", "developOutput", "getJobOutput"} <= set(names)


@each_schema
def test_schemas_are_called_what_they_are(name: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]{2,49}", name), "no brackets, no paths of modules"
    assert "emprops" not in name.lower()
    assert not name.endswith("View"), "clients get the thing itself"


def test_envelopes_are_called_after_what_is_in_them() -> None:
    assert SCHEMAS["DeckEnvelope"]["properties"]["data"]["$ref"] == "#/components/schemas/Deck"
    listed = SCHEMAS["OutputItemListEnvelope"]["properties"]["data"]
    assert (listed["type"], listed["items"]["$ref"]) == ("array", "#/components/schemas/OutputItem")
    assert SCHEMAS["LibraryItemListed"]["properties"]["data"]["items"]["$ref"] == "#/components/schemas/LibraryItem"


@each_schema
def test_every_field_says_what_it_means(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["description"][-1] in ".:)", "a sentence, from the docstring"
    for field, inner in schema.get("properties", {}).items():
        target = inner.get("$ref", "/").rpartition("/")[2]
        said = inner.get("description") or (target and SCHEMAS[target]["description"])
        assert said, f"write a text under {field}"
        assert "``" not in said
        assert ":class:" not in said
        assert "title" not in inner


@each_operation
def test_operations_have_a_summary_and_say_what_can_go_wrong(operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z0-9 ]{2,59}", operation["summary"])
    failures = [response_of(operation, status) for status in operation["responses"] if status.startswith("4")]
    assert failures
    for failure in failures:
        assert failure["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Failure"}
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description"), parameter["name"]


@each_operation
def test_answers_say_what_they_are(operation: dict[str, Any]) -> None:
    for status in operation["responses"]:
        assert response_of(operation, status)["description"] not in ("", "Successful Response")


def test_what_is_asked_most_comes_first() -> None:
    order = [tag["name"] for tag in DOCUMENT["tags"]]
    assert order == list(TAGS)
    assert order[:4] == ["generation", "jobs", "outputs", "decks"]
    met = list(dict.fromkeys(operation["tags"][0] for _, operation in OPERATIONS))
    assert met == [name for name in order if name in met]


@pytest.mark.parametrize("name", MAIN)
def test_the_main_operations_show_a_whole_answer(name: str) -> None:
    [operation] = [one for _, one in OPERATIONS if one["operationId"] == name]
    successes = [response for status, response in operation["responses"].items() if status.startswith("2")]
    for success in successes:
        example = success["content"]["application/json"]["example"]
        assert example["error"] is None
        assert example["data"].keys() >= set(MAIN[name])
    assert successes


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas that a request's body is made of."""
    found: dict[str, dict[str, Any]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = SCHEMAS[name]
                walk(SCHEMAS[name])
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    for _, operation in OPERATIONS:
        walk(operation.get("requestBody", {}))
    yield from found.items()


def test_what_may_be_left_out_is_optional_for_every_generator() -> None:
    for name, schema in bodies():
        for field, inner in schema.get("properties", {}).items():
            assert "default" not in inner, f"TypeScript would have {field} of {name} always sent"


def test_defaults_are_told_in_words() -> None:
    fields = SCHEMAS["GenerateBody"]["properties"]
    assert fields["create_output"]["description"].endswith(" Default: `true`.")
    assert fields["workflow_priority"]["description"].endswith(" Default: `50`.")
    assert SCHEMAS["GenerateBody"]["required"] == ["variables"]
    assert "Default" not in SCHEMAS["DeckChanges"]["properties"]["status"]["description"]


def test_what_can_be_created_from_a_reply_is_the_same_shape() -> None:
    assert [name for name in SCHEMAS if name.endswith(("Input", "Output")) and name[:-5] in SCHEMAS] == []
