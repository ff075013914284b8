"""What endpoints can hear of, and the message that is sent: the same bytes at every attempt. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

import orjson
from standardwebhooks.webhooks import Webhook

from emprops.media.result_links import ResultLinks

EventName = Literal[
    "job.submitted",
    "job.started",
    "job.progress",
    "job.completed",
    "job.failed",
    "job.cancelled",
    "job.retried",
    "endpoint.disabled",
]
"""The database writes those of jobs (``tell_webhooks`` in the migrations), ``service.py`` the last one."""
DEFAULT: Final[tuple[EventName, ...]] = tuple(name for name in get_args(EventName) if name != "job.progress")
"""What an endpoint hears of unless it says."""
DISABLED: Final = "endpoint.disabled"
TEST: Final = "webhook.test"
"""Sent to one endpoint when its owner asks for it; nobody subscribes to it."""

USER_AGENT = "EMP-Job-Queue-Webhook/1.0"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as it is stored. ``data`` stays the JSON text that was written then."""

    id: UUID
    sequence: int
    type: str
    occurred_at: datetime
    data: str


def body_of(event: Event, endpoint_id: UUID, results: ResultLinks) -> bytes:
    """Write the body. Receivers may keep its digest: a change here must not reach events that were sent before. URLs of
    results are signed as they were when it happened."""
    return orjson.dumps(
        {
            "event_type": event.type,
            "event_id": event.id,
            "sequence": event.sequence,
            "timestamp": int(event.occurred_at.timestamp() * 1000),
            "webhook_id": endpoint_id,
            "data": orjson.Fragment(with_urls(event.data, event.occurred_at, results)),
        }
    )


def with_urls(data: str, occurred_at: datetime, results: ResultLinks) -> str:
    """Return what is told of a job with URLs of its results that open as long as those that were signed then."""
    job_id = orjson.loads(data).get("job_id") if results.signed else None
    return data if job_id is None else results.in_job(data, UUID(job_id), occurred_at.timestamp())


def headers_of(event: Event, endpoint_id: UUID, body: bytes, secrets: list[bytes], now: datetime) -> dict[str, str]:
    """Return the headers of an attempt that leaves now, signed with each of the secrets (Standard Webhooks)."""
    message_id = str(event.id)
    signatures = [Webhook(secret).sign(message_id, now, body.decode()) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "x-webhook-event": event.type,
        "x-webhook-id": str(endpoint_id),
        "x-event-id": message_id,
    }
