"""The shapes of requests and replies about what was sent to a webhook endpoint."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from emprops.webhooks.log_store import Attempt, Logged, Recent
from emprops.webhooks.schemas import AT
from emprops.webhooks.store import Endpoint

DeliveryStatus = Literal["pending", "delivered", "failed"]
EVENT_ID = "0192f3a4-0000-7000-8000-000000000052"
DELIVERY: dict[str, Any] = {
    "event_id": EVENT_ID,
    "event_type": "job.completed",
    "sequence": 7,
    "job_id": "0192f3a4-0000-7000-8000-000000000001",
    "status": "pending",
    "attempts": 1,
    "next_at": "2026-01-10T12:00:05Z",
    "occurred_at": AT,
    "ended_at": None,
    "last_attempt": {
        "at": AT,
        "status_code": 503,
        "error": "The receiver did not take it: it answered 503.",
        "duration_ms": 12,
    },
}
ATTEMPT: dict[str, Any] = {"number": 1, **DELIVERY["last_attempt"], "response": "busy"}


class ReplayBody(BaseModel):
    """What is to be sent again."""

    model_config = ConfigDict(json_schema_extra={"example": {"since": AT, "include_delivered": False}})

    since: AwareDatetime
    """Events of this time and later."""
    include_delivered: bool = False
    """Also what the receiver has taken already."""


class LastAttempt(BaseModel):
    """How the last attempt went."""

    at: datetime
    status_code: int | None
    """Null: there was no answer."""
    error: str | None
    """Null: the receiver took it."""
    duration_ms: int


class AttemptView(LastAttempt):
    """One attempt."""

    model_config = ConfigDict(json_schema_extra={"example": ATTEMPT})

    number: int
    response: str
    """The beginning of the answer's body, at most 4 KB."""


class DeliveryView(BaseModel):
    """An event on its way to an endpoint, or there."""

    model_config = ConfigDict(json_schema_extra={"example": DELIVERY})

    event_id: UUID
    """Also the header `webhook-id`."""
    event_type: str
    sequence: int
    """Rises over the events of one job."""
    job_id: UUID | None
    status: DeliveryStatus
    attempts: int
    next_at: datetime | None
    """When it is tried next; null once it has ended."""
    occurred_at: datetime
    ended_at: datetime | None
    last_attempt: LastAttempt | None


class DeliveryDetail(DeliveryView):
    """A delivery with what was sent and all attempts."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**DELIVERY, "data": {"job_id": DELIVERY["job_id"]}, "log": [ATTEMPT]}}
    )

    data: dict[str, Any]
    """The `data` of the body that is sent."""
    log: list[AttemptView]


class RecentView(BaseModel):
    """The last 100 attempts."""

    attempts: int
    failed: int
    median_ms: float | None
    slowest_ms: int | None


class StatsView(BaseModel):
    """How an endpoint does."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "delivered": 1200,
                "failed_attempts": 14,
                "given_up": 0,
                "pending": 2,
                "last_success_at": AT,
                "last_failure_at": None,
                "recent": {"attempts": 100, "failed": 1, "median_ms": 38, "slowest_ms": 410},
            }
        }
    )

    delivered: int
    """Since the endpoint was made, as are the next two."""
    failed_attempts: int
    given_up: int
    """Deliveries without any try left."""
    pending: int
    """Deliveries that wait, counted up to 10,000."""
    last_success_at: datetime | None
    last_failure_at: datetime | None
    recent: RecentView


class ReplayedView(BaseModel):
    """What will be sent again."""

    model_config = ConfigDict(json_schema_extra={"example": {"replayed": 12, "more": False}})

    replayed: int
    more: bool
    """There may be more than one request takes; send it again, with a later `since` if it includes what was taken."""


def delivery_view_of(logged: Logged) -> DeliveryView:
    """Show a delivery."""
    return DeliveryView(**_delivery(logged))


def delivery_detail_of(logged: Logged, data: dict[str, Any], attempts: list[Attempt]) -> DeliveryDetail:
    """Show a delivery with its attempts."""
    log = [AttemptView.model_validate(attempt, from_attributes=True) for attempt in attempts]
    return DeliveryDetail(**_delivery(logged), data=data, log=log)


def _delivery(logged: Logged) -> dict[str, Any]:
    last = None
    if logged.last_at is not None and logged.duration_ms is not None:
        last = LastAttempt(
            at=logged.last_at,
            status_code=logged.status_code,
            error=logged.error,
            duration_ms=logged.duration_ms,
        )
    return {
        "event_id": logged.event_id,
        "event_type": logged.event_type,
        "sequence": logged.sequence,
        "job_id": logged.job_id,
        "status": logged.status,
        "attempts": logged.attempts,
        "next_at": logged.next_at if logged.status == "pending" else None,
        "occurred_at": logged.occurred_at,
        "ended_at": logged.ended_at,
        "last_attempt": last,
    }


def stats_view_of(endpoint: Endpoint, recent: Recent) -> StatsView:
    """Show how an endpoint does."""
    return StatsView(
        delivered=endpoint.delivered,
        failed_attempts=endpoint.failed_attempts,
        given_up=endpoint.given_up,
        pending=recent.pending,
        last_success_at=endpoint.last_success_at,
        last_failure_at=endpoint.last_failure_at,
        recent=RecentView(
            attempts=recent.attempts, failed=recent.failed, median_ms=recent.median_ms, slowest_ms=recent.slowest_ms
        ),
    )
