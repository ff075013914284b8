"""The shapes of requests and replies about webhook endpoints."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from emprops.kit.web.schema import Schema
from emprops.webhooks.events import DEFAULT, EventName
from emprops.webhooks.secrets import shown
from emprops.webhooks.service import Made
from emprops.webhooks.store import Endpoint

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 2048
ENDPOINT_ID = "0192f3a4-0000-7000-8000-000000000051"
URL = "https://hooks.example.com/emprops"
AT = "2026-01-10T12:00:00Z"

ENDPOINT: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "user_id": "0192f3a4-0000-7000-8000-000000000012",
    "created_by": "user:0192f3a4-0000-7000-8000-000000000012",
    "url": URL,
    "description": "The web app",
    "events": ["job.completed", "job.failed"],
    "filters": {"collection_ids": None, "job_types": None},
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failures": 0,
    "failing_since": None,
    "paused_until": None,
    "old_secret_until": None,
    "created_at": AT,
    "updated_at": AT,
}


def _canonical(value: str) -> str:
    """Write scheme and host in lower case and leave out a default port and a fragment, so that one address is compared
    as one. What cannot be read is left to the check of the target."""
    value = value.strip()
    try:
        parts = urlsplit(value)
        port = None if parts.port == DEFAULT_PORTS.get(parts.scheme) else parts.port
    except ValueError:
        return value
    if not parts.hostname:
        return value
    login, at, _ = parts.netloc.rpartition("@")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{login}{at}{host}" + (f":{port}" if port is not None else "")
    return urlunsplit((parts.scheme, place, parts.path, parts.query, ""))


def _each_once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


Url = Annotated[str, AfterValidator(_canonical), Field(min_length=1, max_length=MAX_URL_LENGTH, examples=[URL])]
Events = Annotated[list[EventName], AfterValidator(_each_once), Field(min_length=1, max_length=20)]
Description = Annotated[str, Field(max_length=500)]
JobType = Annotated[str, Field(min_length=1, max_length=100)]


class WebhookFilters(Schema):
    """Which jobs an endpoint hears of; null: all."""

    collection_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    """Only jobs of these collections; null: of all."""
    job_types: Annotated[list[JobType], Field(min_length=1, max_length=20)] | None = None
    """Only jobs of these types; null: of all."""

    def columns(self) -> dict[str, Any]:
        """As they are stored."""
        return {"collection_ids": self.collection_ids, "job_types": self.job_types}


class WebhookBody(Schema):
    """Where events are to be sent. Unknown fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"example": {"url": URL, "events": ["job.completed", "job.failed"]}})

    url: Url
    """https, at a public address; hosts that `EMPROPS_OUTBOUND_ALLOW` names may be private and without TLS."""
    description: Description = ""
    events: Events = Field(default_factory=lambda: list(DEFAULT))
    """Unless given: all but `job.progress`."""
    filters: WebhookFilters = Field(default_factory=WebhookFilters)
    """Which jobs are told of; unless given, all."""

    def columns(self) -> dict[str, Any]:
        """As they are stored."""
        return {
            "url": self.url,
            "description": self.description,
            "events": self.events,
            **self.filters.columns(),
        }


class WebhookChanges(Schema):
    """What is to be changed of an endpoint; what is not sent stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"events": ["job.completed"], "enabled": True}})

    # factories, so that the API's description shows no defaults where there are none
    url: Url = Field(default_factory=str)
    """Where events are sent to from now on."""
    description: Description = Field(default_factory=str)
    events: Events = Field(default_factory=lambda: list(DEFAULT))
    """Which events are sent."""
    filters: WebhookFilters = Field(default_factory=WebhookFilters)
    """Which jobs are told of; null in a filter: all."""
    enabled: bool = Field(default_factory=bool)
    """True also forgets earlier failures; false stops everything until it is true again."""

    def columns(self) -> dict[str, Any]:
        """As they are stored; only what was sent."""
        sent = self.model_fields_set
        columns = {name: getattr(self, name) for name in ("url", "description", "events") if name in sent}
        return columns | (self.filters.columns() if "filters" in sent else {})


class RotateBody(Schema):
    """How a secret is to be exchanged."""

    model_config = ConfigDict(json_schema_extra={"example": {"overlap_hours": 24}})

    overlap_hours: float = Field(default=24, ge=0, le=168)
    """How long the present secret signs too; 0: from now on only the new one signs."""


class WebhookView(Schema):
    """An endpoint. Its secret is not shown again."""

    model_config = ConfigDict(json_schema_extra={"example": ENDPOINT})

    id: UUID
    user_id: UUID | None
    """Whose jobs it hears of; null: everybody's."""
    created_by: str
    """Who made it."""
    url: str
    """Where events are sent to."""
    description: str
    events: list[EventName]
    """Which events are sent."""
    filters: WebhookFilters
    """Which jobs are told of."""
    enabled: bool
    """Whether it is sent anything."""
    disabled_at: datetime | None
    """When it was switched off; null while it is on."""
    disabled_reason: str | None
    """Why it was switched off."""
    failures: int
    """Attempts that failed since the last that did not."""
    failing_since: datetime | None
    """When the first of those failed; null if none did."""
    paused_until: datetime | None
    """Nothing is sent before; null: it is sent what there is."""
    old_secret_until: datetime | None
    """Until then the secret before this one signs, too."""
    created_at: datetime
    updated_at: datetime


class WebhookWithSecretView(WebhookView):
    """An endpoint with the secret that was just made for it. It is shown only here."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**ENDPOINT, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw9gQ6bY1c2Zk="}}
    )

    secret: str
    """Verifies the header `webhook-signature`."""


class DeletedWebhook(Schema):
    """An endpoint that is gone."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": ENDPOINT_ID}})

    id: UUID


def endpoint_view_of(endpoint: Endpoint) -> WebhookView:
    """Show an endpoint."""
    return WebhookView(**_shown(endpoint))


def new_endpoint_view_of(made: Made) -> WebhookWithSecretView:
    """Show an endpoint and its secret."""
    return WebhookWithSecretView(**_shown(made.endpoint), secret=shown(made.secret))


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "user_id": endpoint.owner_user_id,
        "created_by": endpoint.created_by,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
        "filters": {"collection_ids": endpoint.collection_ids, "job_types": endpoint.job_types},
        "enabled": endpoint.disabled_at is None,
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "paused_until": endpoint.open_until,
        "old_secret_until": endpoint.old_secret_until,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }
