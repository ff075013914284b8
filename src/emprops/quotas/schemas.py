"""The shapes of quotas in requests and replies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.quotas.limits import MAX_WEIGHT, Kind

EXAMPLE: dict[str, Any] = {
    "kind": "user",
    "subject": "0192f3a4-0000-7000-8000-000000000001",
    "open_jobs": 20,
    "open_steps": None,
    "running_steps": 4,
    "hourly_generations": None,
    "daily_generations": None,
    "stored_bytes": None,
    "weight": 3,
    "result_days": 30,
    "updated_at": "2026-01-10T12:00:00Z",
    "updated_by": "emp_2f1c9a7be01d",
}

QuotaName = Literal[
    "open_jobs", "open_steps", "running_steps", "hourly_generations", "daily_generations", "stored_bytes"
]
Count = Annotated[int | None, Field(ge=0, le=2**31 - 1)]


class StandingView(Schema):
    """How one stands with one quota."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {"quota": "open_jobs", "limit": 200, "used": 3, "resets_at": None}},
    )

    quota: QuotaName
    """Which one."""
    limit: int | None
    """The most there may be; null: there is no limit."""
    used: int
    """How much there is."""
    resets_at: datetime | None
    """When counting begins anew; null for what is counted while it exists."""


class SubjectStandingView(Schema):
    """How a user, an API key or a collection stands."""

    kind: Kind
    """What it is."""
    id: UUID
    """Its id."""
    quotas: list[StandingView]
    """Each quota."""
    weight: int | None
    """How many of a user's steps are taken in one turn; null for API keys and collections, which have no turns."""
    result_days: float | None
    """Days for which results are kept, where an operator said so; 0: for good."""


class MyLimitsView(Schema):
    """What a caller may have at once, and start in a time."""

    requests_per_minute: int | None
    """Requests a minute; null: any number."""
    generation_requests_per_minute: int | None
    """Requests a minute that put work into the queue; null: any number."""
    quotas: list[StandingView]
    """The user's quotas."""
    key: SubjectStandingView | None
    """The API key that came with the request, if it has limits of its own."""


class QuotaBody(Schema):
    """The limits of a user, an API key or a collection. 0 lifts a limit; what is null or left out is as the settings
    say: a default for users, no limit for keys and collections."""

    model_config = ConfigDict(json_schema_extra={"example": {"open_jobs": 20, "running_steps": 4}})

    open_jobs: Count = None
    """Jobs that have not ended."""
    open_steps: Count = None
    """Steps of those jobs that have not ended."""
    running_steps: Count = None
    """Steps in the queue or running; others are held back."""
    hourly_generations: Count = None
    """Generations started in one hour of the clock (UTC)."""
    daily_generations: Count = None
    """Generations started in one day (UTC)."""
    stored_bytes: Annotated[int | None, Field(ge=0, le=2**62)] = None
    """Size of all stored files."""
    weight: Annotated[int | None, Field(ge=1, le=MAX_WEIGHT)] = None
    """How many of a user's steps are taken in one turn, before others have theirs; null: 1. Only for users."""
    result_days: Annotated[float | None, Field(ge=0, le=36_600)] = None
    """Days for which results are kept after they are made; 0: for good. What is said of a collection goes before what
    is said of a user. Not for API keys."""


class QuotaView(QuotaBody):
    """What an operator set for a user, an API key or a collection."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": EXAMPLE})

    kind: Kind
    """What is limited."""
    subject: UUID
    """Its id."""
    updated_at: datetime
    """When the limits were set."""
    updated_by: str
    """Who set them."""
