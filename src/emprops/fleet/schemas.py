"""The shapes of replies about workers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema

EXAMPLE: dict[str, Any] = {
    "worker_id": "gpu-1-4711-3f2a1b",
    "machine_id": "gpu-1",
    "status": "busy",
    "paused_by": [],
    "job_types": ["comfyui", "openai_chat"],
    "concurrency": 9,
    "slots": {"openai_chat": 8},
    "current": ["0192f3a4-0000-7000-8000-000000000003"],
    "started_at": "2026-01-10T12:00:00Z",
    "last_seen": "2026-01-10T12:03:00Z",
    "connectors": {"comfyui": "ok", "openai": "ok"},
    "counters": {
        "completed": 41,
        "failed": 2,
        "retried": 1,
        "abandoned": 0,
        "lost_leases": 0,
        "late": 0,
        "bytes_stored": 73400320,
        "busy_seconds": 812.5,
    },
    "version": "0.1.0",
}


class CountersView(Schema):
    """What a worker has done since it started."""

    model_config = ConfigDict(from_attributes=True)

    completed: int
    """Attempts that ended well."""
    failed: int
    """Attempts that failed, whatever became of the step."""
    retried: int
    """Of these, the ones that may be tried again."""
    abandoned: int
    """Attempts that were stopped before their end."""
    lost_leases: int
    """Claims that ended under it: cancelled, lapsed, or not renewed in time."""
    late: int
    """Reports refused because the claim had ended."""
    bytes_stored: int
    """Size of all results, in bytes."""
    busy_seconds: float
    """Time that steps have run; each slot counts for itself."""


class WorkerView(Schema):
    """A live worker."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    worker_id: str
    machine_id: str
    status: Literal["idle", "busy", "paused", "draining", "offline"]
    """`paused`: it claims nothing; it may still run what it has in `current`."""
    paused_by: list[Literal["all", "machine", "worker"]]
    """The pauses that concern it. Its status follows within 5 seconds."""
    job_types: list[str]
    """What kinds of work it takes."""
    concurrency: int
    """Steps it runs at once, at most."""
    slots: dict[str, int]
    """How many of these are kept for one job type."""
    current: list[str]
    """Ids of the steps it runs."""
    started_at: datetime
    """When its process started."""
    last_seen: datetime
    """When it was heard of last."""
    connectors: dict[str, str]
    """`ok`, or what is wrong."""
    counters: CountersView
    """What it has done since it started."""
    version: str


class PauseView(Schema):
    """Whom a pause, or its end, is about."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"scope": "machine", "name": "gpu-1", "workers": ["gpu-1-4711-3f2a1b"], "still_paused": []}
        }
    )

    scope: Literal["all", "machine", "worker"]
    """Whether one worker, one machine or all of them."""
    name: str
    """The worker's or machine's name; `all` for all."""
    workers: list[str]
    """Live workers that it concerns; they hear of it within 5 seconds."""
    still_paused: list[str] = Field(description="Of these, the ones that another pause holds.")
