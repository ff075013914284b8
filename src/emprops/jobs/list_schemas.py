"""The shapes of lists of jobs."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from emprops.jobs.schemas import EXAMPLE, JobData, SlimFields

LISTED_EXAMPLE: dict[str, Any] = {
    **{name: value for name, value in EXAMPLE.items() if name != "data"},
    "collection_id": "0192f3a4-0000-7000-8000-000000000002",
    "collection_title": "Quiet Harbours",
    "cancelled": False,
    "thumbnail_url": None,
    "mime_type": None,
    "wait_seconds": 1.2,
    "run_seconds": 3.4,
    "cost": 0.25,
}


class ListedJob(SlimFields):
    """A job in a list. ``error_message`` has at most 500 characters."""

    model_config = ConfigDict(json_schema_extra={"example": LISTED_EXAMPLE})

    collection_id: UUID | None
    collection_title: str | None
    """Its title now."""
    cancelled: bool
    """Whether it failed because it was cancelled."""
    thumbnail_url: str | None
    """Of the first of its outputs that is finished and not hidden."""
    mime_type: str | None
    """Of the same output."""
    wait_seconds: float
    """How long the present attempt has waited for its first step to start, or did wait."""
    run_seconds: float | None
    """How long it has run; null if it has not started."""
    cost: int | float | None
    """Credits that it has cost or, while it is open, that are held for it; null: none."""
    data: JobData | None = None
    """Only with `include=data`: what it was asked for and, once it has completed, what it gave."""
    user_id: UUID | None = None
    """Whose it is; only in lists of everybody's."""
