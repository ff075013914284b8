"""Workflows and collections to plan with."""

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from emprops.collections.store import Collection
from emprops.orchestrator.start.plan import Plan, make_plan
from emprops.workflows.store import Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def workflow(
    name: str, *fields: dict[str, Any], kind: str = "direct_job", makes: str = "image/png", **more: Any
) -> Workflow:
    data = {
        "form": {"fields": list(fields)},
        "inputs": [{"id": field["id"], "pathJq": f".{field['id']}"} for field in fields],
        "job": {"service_required": f"run_{name}", "payload": {}},
    }
    return Workflow(UUID(int=0), name, name, kind, data, makes, **more)


PROMPT = {"id": "prompt", "type": "prompt_editor"}
SIZE = {"id": "size", "type": "number", "constraints": {"min": 64, "max": 2048}}
SEED = {"id": "seed", "type": "number", "constraints": {"min": 0, "max": 999}}
WORKFLOWS = {
    one.name: one
    for one in (
        workflow("image", PROMPT, SIZE, SEED, models=("sd.safetensors",)),
        workflow("upscale", {"id": "image", "type": "image_loader", "required": True}, PROMPT),
        workflow("any", {"id": "value", "type": "json"}, makes="application/json"),
        workflow("write", PROMPT, makes="text/plain"),
        workflow("film", {"id": "film", "type": "video_loader"}, makes="video/mp4"),
        workflow("still", {"id": "image", "type": "image_loader"}, kind="basic"),
        workflow("note", PROMPT, kind="basic"),
        workflow("twice", SEED, SEED | {"id": "seed_2"}, SEED | {"id": "seed_3", "default": 5}),
    )
}


def step(key: int, name: str, **payload: Any) -> dict[str, Any]:
    return {"id": key, "nodeName": name, "nodePayload": payload}


def rich(*children: dict[str, Any]) -> str:
    return json.dumps([{"type": "paragraph", "children": list(children)}])


def collection(*steps: dict[str, Any], variables: list[dict[str, Any]] | None = None, **data: Any) -> Collection:
    return Collection(
        id=UUID(int=1), project_id=UUID(int=2), user_id=UUID(int=3), title="T", description="", blockchain=None,
        price=Decimal(0), editions=1, status="published", archived=False, is_public=True, cover_image_url=None,
        miniapp_cover_image=None, cast_hash=None, is_custodial=False, custodied_for=None, is_global=False,
        input_type=None, output_type=None, version=1, slug=None, created_at=NOW, updated_at=NOW, published_at=NOW,
        data={"version": "v2", "steps": list(steps), "variables": variables or [], **data},
    )  # fmt: skip


def plan(*steps: dict[str, Any], given: dict[str, Any] | None = None, seed: str | None = "s", **data: Any) -> Plan:
    ids = itertools.count(100)
    return make_plan(
        collection=collection(*steps, **data),
        workflows=WORKFLOWS,
        variables=given or {},
        new_id=lambda: UUID(int=next(ids)),
        seed=seed,
    )


TEXT = {"name": "animal", "type": "text", "value": "fox"}
PICK = {"name": "style", "type": "pick", "value": {"values": [f"style {n}" for n in range(100)]}}
