"""The shapes that Comfy API v2 documents, and the listing that its SDK reads: which fields there must be, and of what
kind."""

from typing import Any

import jsonschema_rs

TEXT: dict[str, Any] = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}
LINK = {"type": "string", "pattern": "^https?://"}
COUNT = {"type": "integer", "minimum": 0}
STATUS = {"enum": ["queued", "running", "succeeded", "canceling", "canceled", "failed", "expired"]}
LABELS = {"type": "object", "additionalProperties": TEXT}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def exactly(optional: dict[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
    """An object with these fields, with the optional ones perhaps, and no others."""
    properties = {**fields, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(fields), "additionalProperties": False}


PROGRESS = exactly(
    {"current_node": maybe(TEXT), "current_node_class": maybe(TEXT), "message": maybe(TEXT)}
    | {"step": maybe(COUNT), "steps": maybe(COUNT)},
    value={"type": "number", "minimum": 0, "maximum": 1},
    nodes_done=COUNT,
    nodes_total=COUNT,
)
OUTPUT = exactly(
    {"job_id": maybe(TEXT)},
    node_id=TEXT,
    name=TEXT,
    type={"enum": ["image", "video", "audio", "text", "file", "latent"]},
    content_type={"type": "string", "pattern": "^[a-z]+/"},
    size_bytes=COUNT,
    id=TEXT,
    hash=maybe({"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"}),
    url=LINK,
    url_expires_at=TIME,
)
ERROR = exactly({"node_id": maybe(TEXT), "class_type": maybe(TEXT), "traceback": maybe(TEXT)}, code=TEXT, message=TEXT)
METRICS = {"type": "object", "additionalProperties": maybe({"type": "integer"})}
JOB_FIELDS = {
    "id": TEXT,
    "status": STATUS,
    "created_at": TIME,
    "started_at": maybe(TIME),
    "completed_at": maybe(TIME),
    "expires_at": TIME,
    "queue_position": maybe({"type": "integer"}),
    "progress": maybe(PROGRESS),
    "outputs": {"type": "array", "items": OUTPUT},
    "error": maybe(ERROR),
    "urls": exactly(self=LINK, events=LINK, cancel=LINK),
}
JOB = exactly({"metrics": METRICS, "metadata": LABELS}, **JOB_FIELDS)
LISTED = exactly({"metrics": METRICS}, **JOB_FIELDS, metadata=LABELS, create_time=TIME, update_time=TIME)
PAGE = exactly({"next_cursor": TEXT}, jobs={"type": "array", "items": LISTED})
WORKFLOW = exactly(workflow={"type": "object"}, format={"enum": ["save", "api"]})
ASSET = exactly(
    {"file_path": maybe(TEXT), "created_new": {"type": "boolean"}, "expires_at": maybe(TIME), "job_id": maybe(TEXT)},
    id=TEXT,
    hash=OUTPUT["properties"]["hash"],
    size_bytes=COUNT,
    content_type=TEXT,
    created_at=TIME,
    url=LINK,
    url_expires_at=TIME,
)
FAILURE = exactly(error=exactly({"details": maybe({"type": "object"})}, code=TEXT, message=TEXT))
EVENTS = {
    "status": exactly({"queue_position": maybe({"type": "integer"})}, status=STATUS),
    "progress": PROGRESS,
    "preview": exactly(node_id=TEXT, content_type=TEXT, data_base64=TEXT),
    "output": OUTPUT,
    "log": exactly(level=TEXT, message=TEXT),
}


def check(schema: dict[str, Any], document: Any) -> Any:
    """Raise ``AssertionError`` unless a document has this shape; returns it."""
    checker = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    problems = [f"{list(error.instance_path)}: {error.message}" for error in checker.iter_errors(document)]
    assert not problems, problems
    return document
