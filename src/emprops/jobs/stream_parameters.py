"""What streams of events take: the id of the last event that a client saw."""

from typing import Annotated

from fastapi import Header, Query

LastEventHeader = Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)]
LastEventQuery = Annotated[
    str | None, Query(max_length=100, description="`Last-Event-ID`, for clients that cannot send headers.")
]


def last_event_id_of(header: str | None, query: str | None) -> str | None:
    """Return the last id seen. A browser that reconnects keeps its first URL, so the header is the newer of the two."""
    return header if header else query
