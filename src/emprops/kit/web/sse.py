"""Server-sent events: their form, and the reply that opens a stream of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emprops.kit.web.endpoint import RESOURCES
from emprops.kit.web.lease import leased
from emprops.kit.web.methods import wants_headers_only
from emprops.kit.web.plain_stream import PlainStream
from emprops.kit.web.server import hand_over, is_stopping
from emprops.kit.web.streams import Feed, Stream, Streams, come_back


@dataclass(frozen=True, slots=True)
class Event:
    """One named event; ``data`` is sent as JSON, ``id`` is what a client resumes from (``Last-Event-ID``)."""

    name: str
    data: Any
    id: str | None = None

    def encode(self) -> bytes:
        """Return the event in the wire format."""
        head = f"id: {_one_line(self.id)}\n" if self.id is not None else ""
        return f"{head}event: {_one_line(self.name)}\ndata: ".encode() + orjson.dumps(self.data) + b"\n\n"


def described(description: str, *, events: Sequence[str], example: Mapping[str, str], id_is: str) -> dict[str, Any]:
    """Describe, for OpenAPI, a reply that is a stream of these events; ``id_is`` says what their ids are."""
    event = {
        "description": "One event; the stream is a row of them.",
        "type": "object",
        "properties": {
            "event": {"enum": list(events)},
            "data": {"type": "string", "contentMediaType": "application/json"},
            "id": {"type": "string", "description": id_is},
        },
    }
    return {"description": description, "content": {"text/event-stream": {"schema": event, "example": example}}}


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\x00", "")


def event_stream(request: Request, feed: Feed, *, user: str = "") -> Response:
    """Reply with a stream of events, until its feeder ends it, the client leaves or does not read, the server stops, or
    the stream is too old. In the last two cases the last thing sent is a ``retry:`` hint: the client connects again.

    ``feed`` is called when the stream is open.
    """
    return _Opening(RESOURCES.of(request).streams, leased(feed, request.scope), user)


class _Opening(Response):
    """The head of the reply. What follows needs neither the request nor the layers that it came through."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, feed: Feed, user: str) -> None:
        self.status_code = 200
        self.background = None
        # nothing can follow on this connection, and proxies are asked not to hold events back
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"})
        self._streams = streams
        self._feed = feed
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the stream. Its place is taken here, not before: a response that is never sent must not keep one."""
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD" or wants_headers_only(HTTPConnection(scope)):
            await send(head)
            await send({"type": "http.response.body", "body": b""})
            return
        self._streams.limit.take(self._user)
        try:
            await send(head)
        except BaseException:
            self._streams.limit.give_back(self._user)
            raise
        whose = self._user, str(scope.get("state", {}).get("request_id", ""))
        stream = Stream(self._streams, *whose)
        if hand_over(scope, stream):
            stream.begin(self._feed(stream))
        elif is_stopping(scope):
            self._streams.limit.give_back(self._user)
            await send({"type": "http.response.body", "body": come_back()})
        else:
            await PlainStream(self._streams, *whose).serve(self._feed, receive, send)
