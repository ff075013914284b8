"""The shapes of requests and replies about what was sent to a webhook endpoint."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict

from emprops.kit.web.schema import Schema
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


class ReplayBody(Schema):
    """What is to be sent again."""

    model_config = ConfigDict(json_schema_extra={"example": {"since": AT, "include_delivered": False}})

    since: AwareDatetime
    """Events of this time and later."""
    include_delivered: bool = False
    """Also what the receiver has taken already."""


class LastAttemptView(Schema):
    """How the last attempt went."""

    at: datetime
    """When it was made."""
    status_code: int | None
    """Null: there was no answer."""
    error: str | None
    """Null: the receiver took it."""
    duration_ms: int
    """How long it took, in milliseconds."""


class DeliveryAttemptView(LastAttemptView):
    """One attempt."""

    model_config = ConfigDict(json_schema_extra={"example": ATTEMPT})

    number: int
    """Its number, from 1."""
    response: str
    """The beginning of the answer's body, at most 4 KB."""


class DeliveryView(Schema):
    """An event on its way to an endpoint, or there."""

    model_config = ConfigDict(json_schema_extra={"example": DELIVERY})

    event_id: UUID
    """Also the header `webhook-id`."""
    event_type: str
    """What happened, such as `job.completed`."""
    sequence: int
    """Rises over the events of one job."""
    job_id: UUID | None
    """The job it is about; null for a test."""
    status: DeliveryStatus
    attempts: int
    """How often it was sent."""
    next_at: datetime | None
    """When it is tried next; null once it has ended."""
    occurred_at: datetime
    """When it happened."""
    ended_at: datetime | None
    """When it was taken or given up; null before."""
    last_attempt: LastAttemptView | None
    """Null: nothing was sent yet."""


class DeliveryDetailView(DeliveryView):
    """A delivery with what was sent and all attempts."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**DELIVERY, "data": {"job_id": DELIVERY["job_id"]}, "log": [ATTEMPT]}}
    )

    data: dict[str, Any]
    """The `data` of the body that is sent."""
    log: list[DeliveryAttemptView]
    """All attempts, in their order."""


class RecentAttemptsView(Schema):
    """The last 100 attempts."""

    attempts: int
    """How many there were."""
    failed: int
    """How many failed."""
    median_ms: float | None
    """Half of them took this long at most, in milliseconds."""
    slowest_ms: int | None
    """How long the slowest took."""


class WebhookStatsView(Schema):
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
    """Attempts that the receiver did not take."""
    given_up: int
    """Deliveries without any try left."""
    pending: int
    """Deliveries that wait, counted up to 10,000."""
    last_success_at: datetime | None
    """When it took something last; null: never."""
    last_failure_at: datetime | None
    """When it failed last; null: never."""
    recent: RecentAttemptsView
    """The last 100 attempts."""


class ReplayedView(Schema):
    """What will be sent again."""

    model_config = ConfigDict(json_schema_extra={"example": {"replayed": 12, "more": False}})

    replayed: int
    """How many deliveries."""
    more: bool
    """There may be more than one request takes; send it again, with a later `since` if it includes what was taken."""


def delivery_view_of(logged: Logged) -> DeliveryView:
    """Show a delivery."""
    return DeliveryView(**_delivery(logged))


def delivery_detail_of(logged: Logged, data: dict[str, Any], attempts: list[Attempt]) -> DeliveryDetailView:
    """Show a delivery with its attempts."""
    log = [DeliveryAttemptView.model_validate(attempt, from_attributes=True) for attempt in attempts]
    return DeliveryDetailView(**_delivery(logged), data=data, log=log)


def _delivery(logged: Logged) -> dict[str, Any]:
    last = None
    if logged.last_at is not None and logged.duration_ms is not None:
        last = LastAttemptView(
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


def stats_view_of(endpoint: Endpoint, recent: Recent) -> WebhookStatsView:
    """Show how an endpoint does."""
    return WebhookStatsView(
        delivered=endpoint.delivered,
        failed_attempts=endpoint.failed_attempts,
        given_up=endpoint.given_up,
        pending=recent.pending,
        last_success_at=endpoint.last_success_at,
        last_failure_at=endpoint.last_failure_at,
        recent=RecentAttemptsView(
            attempts=recent.attempts, failed=recent.failed, median_ms=recent.median_ms, slowest_ms=recent.slowest_ms
        ),
    )
