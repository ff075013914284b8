"""uvicorn's HTTP protocol, which can hand a connection over; and what every server of the api passes to uvicorn."""

import weakref
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from emprops.kit.web.websocket import MAX_MESSAGE_BYTES, SocketProtocol

EXTENSION: Final = "emprops.connection"
"""Key in a scope's ``extensions``: a weak reference to the protocol that the request came by."""


class Heir(Protocol):
    """A protocol that takes a connection over, as a WebSocket takes over that of its handshake."""

    def take(self, transport: Any, connections: set[Any], *, paused: bool) -> None:
        """Take the connection. ``connections`` are those of the server, which calls ``shutdown`` on each when it stops;
        the heir removes itself when its connection is lost. ``paused``: nothing may be written just now."""

    def shutdown(self) -> None:
        """Come to an end soon, because the server stops."""


class HttpProtocol(HttpToolsProtocol):
    """What is different: a request whose reply never seems to end need not be kept for it.

    A reply that streams for minutes would hold its request's task, the frames of every layer, the parser and the
    headers. Once its head is sent, the connection can be handed over to something smaller (:func:`hand_over`).
    """

    def on_message_begin(self) -> None:
        """Called when a request begins."""
        super().on_message_begin()
        extensions: MutableMapping[str, Any] = {EXTENSION: {"protocol": weakref.ref(self)}}
        self.scope["extensions"] = extensions  # type: ignore[typeddict-item]

    def shutdown(self) -> None:
        """Called when the server stops."""
        self.is_stopping = True
        super().shutdown()
        self.interrupt()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection is over."""
        super().connection_lost(exc)
        self.interrupt()

    is_stopping = False

    @staticmethod
    def interrupt() -> None:
        """Interrupt the current request: the server stops, or the client has left. See :func:`interrupted`."""

    def hand_over(self, heir: Heir) -> bool:
        """Hand the connection over; False if that cannot be done. See :func:`hand_over`."""
        cycle = self.cycle
        # of requests that were sent before this one was answered, the last is the current one
        if self.pipeline or not cycle.response_started or cycle.response_complete or not cycle.chunked_encoding:
            return False
        if cycle.disconnected or self.is_stopping or self.transport.is_closing():
            return False
        cycle.response_complete = True  # as far as uvicorn is concerned
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.connections.discard(self)
        self.transport.set_protocol(heir)  # type: ignore[arg-type]
        self.parser = None  # type: ignore[assignment]  # it refers to this, and this to it
        heir.take(self.transport, self.connections, paused=self.flow.write_paused)
        return True


def _protocol_of(scope: Scope) -> HttpProtocol | None:
    reference = scope.get("extensions", {}).get(EXTENSION, {}).get("protocol")
    return None if reference is None else reference()


def hand_over(scope: Scope, heir: Heir) -> bool:
    """Hand the connection of a request over, after the head of a chunked reply was sent: the rest of the reply, down to
    its chunks, is the heir's. Whatever the client sends from here on belongs to no request.

    False if nothing was handed over: the client or the server is about to go, the client has sent more requests, or the
    server is not ours.
    """
    protocol = _protocol_of(scope)
    return protocol is not None and protocol.hand_over(heir)


def is_stopping(scope: Scope) -> bool:
    """Return whether the server was told to stop. A request that is held open should then be answered at once."""
    protocol = _protocol_of(scope)
    return protocol is not None and protocol.is_stopping


@contextmanager
def interrupted(scope: Scope, interrupt: Callable[[], None]) -> Iterator[None]:
    """Have ``interrupt`` called, for the length of the block, when the server is told to stop or the client has left;
    at once if that has happened. Of a server that is not ours nothing is heard."""
    protocol = _protocol_of(scope)
    if protocol is None:
        yield
        return
    protocol.interrupt = interrupt  # type: ignore[method-assign]
    try:
        if protocol.is_stopping or has_left(scope):
            interrupt()
        yield
    finally:
        del protocol.interrupt


def has_left(scope: Scope) -> bool:
    """Return whether the client has closed the connection of a request."""
    protocol = _protocol_of(scope)
    return protocol is not None and protocol.transport.is_closing() and not protocol.is_stopping


SERVER_OPTIONS: Final[dict[str, Any]] = {
    "http": HttpProtocol,
    "ws": SocketProtocol,
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,  # costs memory per connection, and the same news is packed again for each
}
"""What every server of the api passes to uvicorn."""
