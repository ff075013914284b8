"""The open streams of this process: each a connection that was taken over from the HTTP server, and one clock for all.

Nothing waits for an idle stream: it has no task, no timer and no request. What it shows comes from its feeder, which is
told when there is room again and when the stream has ended.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from emprops.errors import UnavailableError
from emprops.settings import Settings

log = structlog.get_logger(__name__)

HEARTBEAT: Final = b":heartbeat\n\n"
GOODBYE: Final = 2.0
"""Seconds that a client gets to read the rest when the server stops."""
ENOUGH: Final = 16 * 1024
"""Bytes that may wait for a client; what else there is to show waits until it has read them."""
SLICE: Final = 100
"""Streams that the clock looks after before others get their turn: about a millisecond."""


class TooManyStreamsError(UnavailableError):
    """More live streams are open than may be, on this server or of this user."""

    code = "too_many_streams"


class StreamLimit:
    """How many streams may be open in this process, altogether and per user."""

    def __init__(self, total: int, per_user: int) -> None:
        self.total = total
        self.per_user = per_user
        self.open = 0
        """How many streams are open now."""
        self._open: Counter[str] = Counter()

    def take(self, user: str) -> None:
        """Count one stream. Raises :class:`TooManyStreamsError` when there are too many; ``user`` may be empty."""
        if self.open >= self.total:
            raise TooManyStreamsError("Too many live streams are open on this server. Try again, or poll instead.")
        if user and self._open[user] >= self.per_user:
            raise TooManyStreamsError(f"You have {self.per_user} live streams open; close one, or poll instead.")
        self._open[user] += 1
        self.open += 1

    def give_back(self, user: str) -> None:
        """Count one stream of this user less."""
        self.open -= 1
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]

    @contextlib.contextmanager
    def one(self, user: str) -> Iterator[None]:
        """Count one stream for the length of the block."""
        self.take(user)
        try:
            yield
        finally:
            self.give_back(user)


def come_back() -> bytes:
    """Return the hint that a client is to connect again: after a while that is not the same for all."""
    return f"retry: {random.randint(1000, 3000)}\n\n".encode()


class Feeder(Protocol):
    """What a stream shows. Both methods are called from the event loop, and must not block."""

    def resume(self) -> None:
        """There is room again: what was held back may be written."""

    def gone(self) -> None:
        """The stream has ended, in whatever way."""

    def about(self) -> Mapping[str, str]:
        """Return what the log should say of it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a stream, in seconds."""

    heartbeat: float
    send_timeout: float
    """How long a client may not read."""
    life: float

    @property
    def tick(self) -> float:
        """How often the clock looks."""
        return min(1.0, self.heartbeat / 10, self.send_timeout / 10, self.life / 10)


class Stream(asyncio.Protocol):
    """One connection from the head of its reply to its end. It is a heir of ``kit/web/server.py``.

    Its memory is bounded: while the client does not read, nothing more is to be written (``ready``), so that what waits
    is at most :data:`ENOUGH`, and the last event.
    """

    __slots__ = (
        "_beat_at",
        "_connections",
        "_ended",
        "_ends_at",
        "_feeder",
        "_paused_at",
        "_request_id",
        "_streams",
        "_transport",
        "_user",
    )

    def __init__(self, streams: "Streams", user: str, request_id: str) -> None:
        self._streams = streams
        self._user = user
        self._request_id = request_id
        self._feeder: Feeder | None = None
        self._transport: Any = None
        self._connections: set[Any] | None = None
        self._paused_at: float | None = None
        self._ended = False
        now = asyncio.get_running_loop().time()
        self._beat_at = now + streams.pace.heartbeat
        self._ends_at = now + streams.pace.life * random.uniform(0.9, 1.0)  # not all at once

    # --- for the feeder

    def begin(self, feeder: Feeder) -> None:
        """Show what the feeder has, from now on."""
        self._feeder = feeder
        if self._ended:
            self._let_go("it has ended")

    @property
    def ready(self) -> bool:
        """Whether something may be written."""
        return not self._ended and self._paused_at is None

    def write(self, data: bytes) -> None:
        """Write one or more events. Does not block; to be called while ``ready``."""
        if not self._ended:
            self._put(data)

    def end(self, reason: str, *, comes_back: bool = False, linger: float | None = None) -> None:
        """End the stream. ``comes_back``: with a hint that the client is to connect again. ``linger``: how long the
        client gets to read the rest, by default as long as it may not read at other times."""
        if self._ended:
            return
        if comes_back:
            self._put(come_back())
        self._finish(self._streams.pace.send_timeout if linger is None else linger)
        self._let_go(reason)

    # --- for the server and the clock

    def take(self, transport: Any, connections: set[Any], *, paused: bool) -> None:
        """Take the connection over."""
        self._transport = transport
        self._connections = connections
        connections.add(self)
        self._streams.add(self)
        if transport is not None:
            transport.set_write_buffer_limits(ENOUGH)
        if paused:
            self.pause_writing()

    def shutdown(self) -> None:
        """Say goodbye, because the server stops."""
        self.end("the server stops", comes_back=True, linger=GOODBYE)

    def tick(self, now: float) -> None:
        """Do what the time asks for."""
        if self._ended:
            return
        if self._paused_at is not None:
            if now >= self._paused_at + self._streams.pace.send_timeout:
                self._abort()
                self._let_go("the client does not read")
        elif now >= self._ends_at:
            self.end("it has lived long enough", comes_back=True)
        elif now >= self._beat_at:
            self._beat_at = max(self._beat_at + self._streams.pace.heartbeat, now)
            self._put(HEARTBEAT)

    def _let_go(self, reason: str) -> None:
        self._ended = True
        feeder, self._feeder = self._feeder, None
        if feeder is not None:
            log.info("stream closed", reason=reason, request_id=self._request_id, **feeder.about())
            feeder.gone()

    # --- the connection

    def _put(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _finish(self, linger: float) -> None:
        self._transport.write(b"0\r\n\r\n")
        self._transport.close()
        if self._transport.get_write_buffer_size():  # a client that does not read would keep it for ever
            asyncio.get_running_loop().call_later(linger, self._transport.abort)

    def _abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Called with what the client sends, although it has nothing to say any more. It is thrown away."""

    def pause_writing(self) -> None:
        """Called by the transport when it holds enough."""
        self._paused_at = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        """Called by the transport when the client has read on."""
        self._paused_at = None
        if self._feeder is not None:
            self._feeder.resume()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the transport when the connection is over, whichever side ended it."""
        del error
        self._let_go("the client left")
        self._streams.forget(self)
        if self._connections is not None:
            self._connections.discard(self)
        self._streams.limit.give_back(self._user)


Feed = Callable[[Stream], Feeder]
"""Return what will write to a stream that is open."""


class Streams:
    """All open streams, and their clock: it runs while there are any."""

    def __init__(self, limit: StreamLimit, pace: Pace) -> None:
        self.limit = limit
        self.pace = pace
        self._open: set[Stream] = set()
        self._runs = False

    @property
    def open(self) -> int:
        """How many streams are open now."""
        return self.limit.open

    def add(self, stream: Stream) -> None:
        """Look after a stream from now on."""
        self._open.add(stream)
        if not self._runs:
            self._runs = True
            self._wait()

    def forget(self, stream: Stream) -> None:
        """Look after a stream no more."""
        self._open.discard(stream)

    def _wait(self) -> None:
        # in a context of its own: its log lines are not those of the request that happened to come first
        asyncio.get_running_loop().call_later(self.pace.tick, self._look, None, context=Context())

    def _look(self, left: list[Stream] | None) -> None:
        """Look after all streams, some at a time."""
        left = list(self._open) if left is None else left
        now = asyncio.get_running_loop().time()
        for stream in left[-SLICE:]:
            try:
                stream.tick(now)
            except Exception:  # the others must not stand still
                log.exception("stream failed")
        del left[-SLICE:]
        if left:
            asyncio.get_running_loop().call_soon(self._look, left)
        elif self._open:
            self._wait()
        else:
            self._runs = False


def streams_from(settings: Settings) -> Streams:
    """Make the place of this process's streams that the settings ask for."""
    return Streams(
        StreamLimit(settings.stream_limit, settings.stream_limit_per_user),
        Pace(settings.stream_heartbeat, settings.stream_send_timeout, settings.stream_life),
    )
