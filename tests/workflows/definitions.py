"""A valid definition of each type of workflow."""

import copy
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from tests.workflows.graphs import OCCASION

from emprops.workflows.kinds.base import PlannedWork
from emprops.workflows.kinds.registry import KINDS
from emprops.workflows.references import Reference
from emprops.workflows.store import Workflow

DIRECT: dict[str, Any] = {
    "form": {
        "fields": [
            {"id": "prompt", "type": "prompt_editor", "required": True},
            {"id": "image", "type": "image_loader"},
            {"id": "size", "type": "slider", "default": 512, "constraints": {"min": 64, "max": 2048, "step": 1}},
        ]
    },
    "inputs": [
        {"id": "prompt", "pathJq": ".messages[0].content", "is_required": True},
        {"id": "image", "pathJq": ".payload.source.image[0].url"},
        {"id": "size", "pathJq": ".payload.size"},
    ],
    "job": {"service_required": "openai_image", "payload": {"model": "m", "messages": [{"role": "user"}]}},
}
DYNAMIC: dict[str, Any] = {
    "template": {"messages": [{"role": "user", "content": "Draw {{thing}} {{n}} times"}], "n": "{{n}}", "s": "{{s}}"},
    "variable_types": {
        "thing": {"type": "text", "required": True},
        "n": {"type": "number", "default": 1, "min": 1, "max": 4},
        "s": "checkbox",
    },
    "job_type": "openai_chat",
}
COMFY: dict[str, Any] = {
    "form": {"fields": [{"id": "text", "type": "prompt_editor"}, {"id": "seed", "type": "number"}]},
    "inputs": {
        "6": {"text": {"value": "text", "is_required": True}},
        "3": {"seed": {"value": "seed", "default": 7, "is_required": True}},
    },
    "workflow": {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    },
}
FETCH: dict[str, Any] = {
    "form": {"fields": [{"id": "promptText", "type": "prompt_editor"}]},
    "inputs": [{"id": "promptText", "pathJq": ".promptText", "is_required": True}],
    "api": {
        "url": "https://api.example.com/v1/video",
        "method": "POST",
        "headers": {"Authorization": "Bearer {{VIDEO_API_KEY}}"},
        "fetchType": "wait",
        "wait": {"outputExprJq": ".output[0]"},
    },
    "body": {"model": "gen4"},
}
BASIC: dict[str, Any] = {"form": {"fields": [{"id": "text", "type": "prompt_editor"}]}}
VALID = {
    "direct_job": DIRECT, "dynamic_json": DYNAMIC, "comfy_workflow": COMFY, "fetch_api": FETCH, "basic": BASIC,
}  # fmt: skip
REFERENCE = Reference(UUID(int=1))


def workflow(kind: str, data: Any, **more: Any) -> Workflow:
    return Workflow(uuid4(), "w", "W", kind, data, "image/png", **more)


def plan(kind: str, fields: dict[str, Any], data: Any = None) -> PlannedWork:
    work = KINDS[kind].plan(workflow(kind, VALID[kind] if data is None else data), fields, OCCASION)
    assert isinstance(work, PlannedWork)
    return work


def changed(data: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    result = copy.deepcopy(data)
    change(result)
    return result
