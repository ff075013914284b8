"""The shapes of moderation in requests and replies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.moderation.verdicts import MAX_REASON, Stage

EXAMPLE: dict[str, Any] = {
    "id": "0192f3a4-0000-7000-8000-000000000051",
    "job_id": "0192f3a4-0000-7000-8000-000000000001",
    "user_id": "0192f3a4-0000-7000-8000-000000000003",
    "collection_id": "0192f3a4-0000-7000-8000-000000000002",
    "job_name": "Collection Generation: Quiet Harbours",
    "stage": "results",
    "reason": "A face is recognisable.",
    "created_at": "2026-01-10T12:00:00Z",
    "decision": None,
    "note": None,
    "decided_at": None,
    "decided_by": None,
}


class ReviewView(Schema):
    """Something that a check left to a person."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": EXAMPLE})

    id: UUID
    """The review's id."""
    job_id: UUID
    """The job that is held."""
    user_id: UUID
    """Whose job it is."""
    collection_id: UUID | None
    """What it was generated from."""
    job_name: str
    """What the job is called."""
    stage: Stage
    """What is held: the `start` of the job, or its `results`."""
    reason: str
    """Why the check held it."""
    created_at: datetime
    """When it was held."""
    decision: Literal["released", "blocked"] | None
    """What was decided; null: nothing yet."""
    note: str | None
    """What the user was told."""
    decided_at: datetime | None
    """When it was decided."""
    decided_by: str | None
    """Who decided."""


class HeldJobView(ReviewView):
    """A review with what there is to look at."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {**EXAMPLE, "variables": {"prompt": "a quiet harbour"}, "texts": [], "files": []}
        },
    )

    variables: dict[str, Any]
    """What the user sent."""
    texts: list[str]
    """Texts that go in, or that were made."""
    files: list[str]
    """URLs of files that go in, or that were made."""


class DecisionBody(Schema):
    """A decision."""

    model_config = ConfigDict(json_schema_extra={"example": {"note": "Pictures of real people are not allowed."}})

    note: Annotated[str | None, Field(max_length=MAX_REASON)] = None
    """A sentence for the user; of a job that is blocked, its error message."""


class StagesBody(Schema):
    """Which checks a collection has."""

    model_config = ConfigDict(json_schema_extra={"example": {"stages": ["start", "results"]}})

    stages: Annotated[list[Stage], Field(max_length=2)] | None
    """An empty list: none; null: as the installation says."""
