"""The shapes of figures of jobs."""

from datetime import datetime

from pydantic import ConfigDict

from emprops.kit.web.schema import Schema


class JobCounts(Schema):
    """How many jobs there are."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"pending": 2, "processing": 1, "completed": 120, "failed": 4, "since": None}}
    )

    pending: int
    """Waiting."""
    processing: int
    """Running."""
    completed: int
    """Done."""
    failed: int
    """Cancelled ones included."""
    since: datetime | None
    """Jobs that have ended count if they were made since then; null: all count."""


class SeriesPoint(Schema):
    """How the jobs went that were asked for in an hour, or on a day."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": "2026-01-10T12:00:00Z",
                "jobs": 40,
                "completed": 37,
                "failed": 2,
                "wait_p50": 0.4,
                "wait_p95": 12.5,
                "run_p50": 8.1,
                "run_p95": 31.0,
                "credits": 9.25,
            }
        }
    )

    at: datetime
    """When the hour or day began, in UTC."""
    jobs: int
    """How many were asked for, those that are still open included."""
    completed: int
    """Done."""
    failed: int
    """Cancelled ones included."""
    wait_p50: float | None
    """Seconds until the first step started, of half of them at most; null if none has started."""
    wait_p95: float | None
    """The same of 95 %."""
    run_p50: float | None
    """Seconds from there to the end, of half of them at most; null if none has ended."""
    run_p95: float | None
    """The same of 95 %."""
    credits: int | float
    """What they have cost."""
