"""A stream over messages of ASGI, for servers that hand no connection over. It costs a request and three tasks."""

import asyncio

from starlette.types import Receive, Send

from emprops.kit.tasks import stop_tasks
from emprops.kit.web.streams import ENOUGH, Feed, Stream, Streams


class PlainStream(Stream):
    """Like every stream, with a client that does not read while the server has not taken what was written."""

    __slots__ = ("_cut_off", "_last", "_news", "_parts", "_size")

    def __init__(self, streams: Streams, user: str, request_id: str) -> None:
        super().__init__(streams, user, request_id)
        self._parts: list[bytes] = []
        self._size = 0
        self._last = False
        self._news = asyncio.Event()
        self._cut_off = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether something may be written."""
        return not self._ended and self._size < ENOUGH

    async def serve(self, feed: Feed, receive: Receive, send: Send) -> None:
        """Send the body of the reply, until it ends or the client leaves."""
        self.take(None, set(), paused=False)
        tasks = [
            asyncio.create_task(self._send_all(send)),
            asyncio.create_task(_left(receive)),
            asyncio.create_task(self._cut_off.wait()),
        ]
        try:
            self.begin(feed(self))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop_tasks(tasks)
            self.connection_lost(None)

    async def _send_all(self, send: Send) -> None:
        last = False
        while not last:
            await self._news.wait()
            self._news.clear()
            body, last = b"".join(self._parts), self._last
            self._parts.clear()
            await send({"type": "http.response.body", "body": body, "more_body": not last})
            was_full = not self.ready
            self._size -= len(body)
            if not self._parts:
                self._paused_at = None
            if was_full and self.ready and self._feeder is not None:
                self._feeder.resume()

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._news.set()
        if self._paused_at is None:
            self.pause_writing()

    def _finish(self, linger: float) -> None:
        self._last = True
        self._news.set()
        asyncio.get_running_loop().call_later(linger, self._cut_off.set)

    def _abort(self) -> None:
        self._cut_off.set()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
