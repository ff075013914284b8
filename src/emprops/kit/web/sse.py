"""Server-sent events: a bounded number of streams, each with a heartbeat, a send time-out, and an end."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus, SendTimeoutError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from emprops.errors import UnavailableError
from emprops.settings import Settings

log = structlog.get_logger(__name__)

SHUTDOWN_GRACE = 2.0
"""Seconds a stream has to say goodbye when the server stops."""
CLEANUP_TIMEOUT = 5.0


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


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\x00", "")


def is_stopping() -> bool:
    """Return whether the server was told to stop: whoever holds a request open should answer it now."""
    return AppStatus.should_exit


class StreamLimit:
    """How many streams may be open in this process, altogether and per user."""

    def __init__(self, total: int, per_user: int) -> None:
        self.total = total
        self.per_user = per_user
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many streams are open now."""
        return self._open.total()

    @contextlib.contextmanager
    def one(self, user: str) -> Iterator[None]:
        """Count one stream. Raises :class:`UnavailableError` when there are too many; ``user`` may be empty."""
        if self.open >= self.total:
            raise UnavailableError("Too many live streams are open on this server. Try again, or poll instead.")
        if user and self._open[user] >= self.per_user:
            raise UnavailableError(f"You have {self.per_user} live streams open; close one, or poll instead.")
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]


def event_stream(
    request: Request, events: AsyncIterator[Event], settings: Settings, *, user: str = ""
) -> EventSourceResponse:
    """Reply with a stream of events until they end, the client leaves, the server stops or the stream is too old.

    Except in the first two cases the last thing sent is a ``retry:`` hint; the client reconnects with the last id.
    """
    return _EventStream(events, settings, request.app.state.resources.streams, user)


class _Heartbeat(ServerSentEvent):
    """Exactly the comment line of the contract: no space, no time."""

    def encode(self) -> bytes:
        return b":heartbeat\n\n"


class _EventStream(EventSourceResponse):
    def __init__(self, events: AsyncIterator[Event], settings: Settings, limit: StreamLimit, user: str) -> None:
        stopping = anyio.Event()
        super().__init__(
            _frames(events, settings.stream_life * random.uniform(0.9, 1.0), stopping),
            ping=settings.stream_heartbeat,
            ping_message_factory=_Heartbeat,
            send_timeout=settings.stream_send_timeout,
            shutdown_event=stopping,
            shutdown_grace_period=SHUTDOWN_GRACE,
        )
        self._limit = limit
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream. The place is taken here, not before: a response that is never sent must not keep one."""
        with self._limit.one(self._user):
            try:
                await super().__call__(scope, receive, send)
            except SendTimeoutError:
                log.info("stream cut off", reason="the client does not read")


async def _frames(events: AsyncIterator[Event], life: float, stopping: anyio.Event) -> AsyncIterator[bytes]:
    """Encode events until they end, or until the stream's life or the server's does."""
    deadline = asyncio.get_running_loop().time() + life
    stop = asyncio.ensure_future(stopping.wait())
    following: asyncio.Future[Event] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(events))
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait({following, stop}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                break
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            except Exception:
                log.exception("stream failed")
                break
            yield event.encode()
        yield f"retry: {random.randint(1000, 3000)}\n\n".encode()  # spread out, so that not all come back at once
    finally:
        with anyio.move_on_after(CLEANUP_TIMEOUT, shield=True):
            await _end(events, stop, following)


async def _end(events: AsyncIterator[Event], *tasks: "asyncio.Future[Any] | None") -> None:
    """Let the source of the events clean up after itself."""
    open_tasks = [task for task in tasks if task is not None]
    for task in open_tasks:
        task.cancel()
    await asyncio.gather(*open_tasks, return_exceptions=True)
    if isinstance(events, AsyncGenerator):
        await events.aclose()
