"""The shapes of job replies, for the OpenAPI document; the replies themselves are encoded by hand in ``queries.py``."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.credits.part_schemas import PRICE_EXAMPLE, JobPriceView
from emprops.kit.web.schema import Schema

Status = Literal["pending", "processing", "completed", "failed"]

EXAMPLE: dict[str, Any] = {
    "id": "0192f3a4-0000-7000-8000-000000000001",
    "name": "Collection Generation: Quiet Harbours",
    "description": "",
    "status": "processing",
    "progress": 50,
    "error_message": None,
    "created_at": "2026-01-10T12:00:00.123456Z",
    "updated_at": "2026-01-10T12:00:04.5Z",
    "started_at": "2026-01-10T12:00:01Z",
    "completed_at": None,
    "job_type": "collection_generation",
    "priority": 50,
    "workflow_output": None,
    "data": {"collectionId": "0192f3a4-0000-7000-8000-000000000002", "variables": {"prompt": "a quiet harbour"}},
    "current_step": 1,
    "total_steps": 2,
    "retry_count": 0,
    "collection_version": 1,
    "output_ids": ["0192f3a4-0000-7000-8000-000000000022"],
}
DETAIL_EXAMPLE: dict[str, Any] = {**EXAMPLE, "price": PRICE_EXAMPLE, "queue": None, "review": None}
ENDED_EXAMPLE: dict[str, Any] = {
    **DETAIL_EXAMPLE,
    "status": "completed",
    "progress": 100,
    "completed_at": "2026-01-10T12:00:09Z",
    "workflow_output": "https://cdn.example.com/a.png",
    "current_step": 2,
}


class JobData(Schema):
    """What the job was asked for and, once it has completed, what it gave."""

    model_config = ConfigDict(extra="allow")

    collectionId: str  # noqa: N815 - the contract's spelling
    """The collection it runs."""
    variables: dict[str, Any]
    """The variables as they were sent."""
    outputs: Any = None
    """All results, once it has completed."""


class SlimFields(Schema):
    """What all replies about a job have."""

    id: UUID
    """The job's id."""
    name: str
    description: str
    status: Status
    progress: float | None = Field(ge=0, le=100)
    """Percent. Never falls while ``retry_count`` stays the same."""
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    job_type: str
    priority: int
    workflow_output: str | None
    """URL of the final result."""
    current_step: int
    """The highest step that was started, from 1; 0 before the first."""
    total_steps: int
    retry_count: int
    collection_version: int | None
    """The published version of the collection that it runs; null if it was a draft."""
    output_ids: list[UUID]
    """The outputs that it makes, one per generation; none if it was started with ``create_output: false``."""


class JobFields(SlimFields):
    """A job with its payload."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    data: JobData
    """What it was asked for and, once it has completed, what it gave."""


class QueuePlace(Schema):
    """Where the job's next step waits."""

    position: int = Field(ge=1)
    """1: next, as soon as a worker that can run it is free. An estimate: users take turns, and others may come."""
    turns: int
    """Turns of other users before the user's next one."""
    own_before: int
    """Steps of the same user that come before it; each takes a turn."""
    blocked_by: list[str]
    """What the nearest live worker lacks to run it; empty if some worker can."""
    retry_at: datetime | None
    """When a step that failed is tried again, at the earliest; null if it does not wait for that."""
    sentence: str
    """Why it waits, for people."""


class JobView(JobFields):
    """A job by itself."""

    model_config = ConfigDict(json_schema_extra={"example": DETAIL_EXAMPLE})

    price: JobPriceView | None
    """What it costs, in parts; null if it is free."""

    queue: QueuePlace | None
    """Null while nothing of the job waits for a worker, and while the queue cannot be asked."""
    review: Literal["start", "results"] | None
    """What an operator has to look at before the job goes on; null: nothing."""


class RetryView(Schema):
    """A retry that has begun."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "jobId": EXAMPLE["id"],
                "retryAttempt": 1,
                "message": "Retry 1 of 3 started; 1 of 2 steps reused: local_image",
            }
        }
    )

    jobId: UUID  # noqa: N815 - the contract's spelling
    """The job, under the id it had."""
    retryAttempt: int  # noqa: N815 - the contract's spelling
    """Which retry it is, from 1."""
    message: str
    """Says which finished steps are reused."""


class JobOutputView(Schema):
    """What a completed job gave."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "workflow_output": "https://cdn.example.com/a.png",
                "outputs": [{"generation": 0, "step": "local_image", "files": [], "data": {}}],
            }
        }
    )

    workflow_output: str | None
    """URL of the final result."""
    outputs: Any
    """Every result of every generation; whatever a service sent, if one completed the job."""


class HistoryRow(Schema):
    """A line of a job's history."""

    id: str
    """Rises with time; also the id of the stream's events."""
    status: str
    """The job's state after it."""
    message: str
    """What happened."""
    data: dict[str, Any] | None
    """More about it."""
    created_at: datetime
    """When it happened."""


class StreamTicket(Schema):
    """What opens one job's stream, once, without a header."""

    ticket: str
    """For `?ticket=…` of the stream's URL."""
    expires_in: int
    """Seconds until it is worth nothing."""
