"""uvicorn's WebSocket protocol, with ends that do not depend on the client, and its limits."""

import asyncio
import logging
from typing import Any, Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Largest message that a client may send; more closes the connection with 1009."""
LINGER: Final = 2.0
"""Seconds that a client gets to read the rest once the api is done with a connection."""
GOING_AWAY: Final = 1001


LOGGER: Final = "uvicorn.websocket"
"""A name of its own, because uvicorn logs URLs whole, and with them tickets; ``kit/web/asgi.py`` logs paths."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Some things are different.

    A transport that is closed keeps what it could not write until the client reads it, which a client that never reads
    makes for ever; here it is dropped after :data:`LINGER`. Pings of such a client are not answered, as the answers
    would pile up. When the server stops, clients are told so (1001). And a connection that was refused with a whole
    reply is no error of the application's, and not logged as one.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = logging.getLogger(LOGGER)

    async def send(self, message: ASGISendEvent) -> None:
        """Called with what the application sends."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def handle_ping(self) -> None:
        """Called when the client has sent a ping, the answer to which is ready to be sent."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Called when the application is done with the connection, in whatever way."""
        super().on_task_complete(task)
        self.loop.call_later(LINGER, self.transport.abort)

    def shutdown(self) -> None:
        """Say goodbye."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY, "The server stops; connect again.")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
