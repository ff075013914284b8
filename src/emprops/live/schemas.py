"""What comes in over a WebSocket."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from emprops.jobs.mine.news import Previews
from emprops.kit.web.schema import Schema


class _Incoming(Schema):
    """Unknown fields are ignored."""

    id: Annotated[str | None, Field(max_length=100)] = None
    """Repeated as ``reply_to`` in the answer."""


class AboutJob(_Incoming):
    """A message about one job."""

    type: Literal["subscribe_job", "subscribe", "unsubscribe_job", "unsubscribe", "request_job_status", "cancel_job"]
    job_id: UUID


class Plain(_Incoming):
    """A message about nothing but the connection."""

    type: Literal["ping", "heartbeat", "resync_request", "unsubscribe_mine"]


class Mine(_Incoming):
    """A message that asks for all jobs of the user."""

    type: Literal["subscribe_mine"]
    since: Annotated[str | None, Field(max_length=100)] = None
    """The cursor of the last message that the client saw."""
    previews: Previews = "url"


Message = AboutJob | Plain | Mine
Incoming: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
