"""What Redis publishes, heard once per process and fanned out in memory.

:class:`Subscription` is the connection: it comes back by itself. :class:`Pokes` are "look again at this topic". A poke
carries no data and may be lost while Redis is away, so listeners also look again from time to time; after every
(re)connect all listeners are poked once.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import structlog
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from emprops.kit.redis import connect
from emprops.kit.tasks import Background

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
SILENCE = 15.0
"""After this many seconds without a message the connection is asked for a sign of life."""
PING_TIMEOUT = 5.0


class Subscription:
    """One connection that hears channels, or all channels that fit patterns; it reconnects for ever.

    ``hear`` gets each message with the name of its channel, ``connected`` is called after every (re)connect: what was
    published before is lost.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
        hear: Callable[[str, bytes], None],
        connected: Callable[[], None],
    ) -> None:
        self._url = redis_url
        self._channels = channels
        self._patterns = patterns
        self._hear = hear
        self._connected = connected

    async def run(self) -> None:
        """Hear until cancelled."""
        pause = FIRST_PAUSE
        while True:
            async with connect(self._url, socket_timeout=None) as redis, redis.pubsub() as subscription:
                try:
                    if self._channels:
                        await subscription.subscribe(*self._channels)
                    if self._patterns:
                        await subscription.psubscribe(*self._patterns)
                    pause = FIRST_PAUSE
                    await self._follow(subscription)
                except (redis_errors.RedisError, OSError) as error:
                    log.warning("pokes disconnected", error=str(error), again_in=round(pause, 1))
                except Exception:  # whatever it was, listeners must not be left deaf
                    log.exception("pokes broken off", again_in=round(pause, 1))
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _follow(self, subscription: PubSub) -> None:
        """Pass messages on until the connection fails. A dead peer is noticed by its silence after a ping."""
        patience = SILENCE
        while True:
            message = await subscription.get_message(timeout=patience)
            if message is None and patience == PING_TIMEOUT:
                raise redis_errors.TimeoutError("no answer to PING")
            if message is None:
                await subscription.ping()
                patience = PING_TIMEOUT
                continue
            patience = SILENCE
            if message["type"] in {"subscribe", "psubscribe"}:
                self._connected()
            elif message["type"] in {"message", "pmessage"}:
                self._pass_on(message["channel"].decode("utf-8", "replace"), message["data"])

    def _pass_on(self, channel: str, data: bytes) -> None:
        try:
            self._hear(channel, data)
        except Exception:  # anybody may publish anything there
            log.exception("message not taken up", channel=channel)


class Poke:
    """One listener's side of a topic. Pokes that come between two waits are remembered, as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the listener."""
        self._event.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait up to ``timeout`` seconds; True if poked since the last wait."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


Overheard = Callable[[Sequence[str] | None], None]
"""Gets the topics of each poke that has some of its kind, without the kind; None: some may have been lost."""


class Pokes(Background):
    """The process's subscription. Use as ``async with``; it connects in the background and reconnects for ever."""

    task_name = "pokes"

    def __init__(self, redis_url: str, channel: str) -> None:
        self.channel = channel
        self._subscription = Subscription(
            redis_url, channels=[channel], hear=self._message, connected=self._poke_everybody
        )
        self._listeners: dict[str, set[Poke]] = {}
        self._overhearing: list[tuple[str, Overheard]] = []

    async def _work(self) -> None:
        await self._subscription.run()

    @contextlib.contextmanager
    def listen(self, topic: str) -> Iterator[Poke]:
        """Listen to one topic for the length of the block."""
        poke = Poke()
        self._listeners.setdefault(topic, set()).add(poke)
        try:
            yield poke
        finally:
            listeners = self._listeners[topic]
            listeners.discard(poke)
            if not listeners:
                del self._listeners[topic]

    @contextlib.contextmanager
    def overhear(self, hear: Overheard, *, kind: str = "") -> Iterator[None]:
        """Hear the pokes of all topics of a kind, written ``kind:topic``, for the length of the block."""
        entry = (kind, hear)
        self._overhearing.append(entry)
        try:
            yield
        finally:
            self._overhearing.remove(entry)

    def deliver(self, topics: Sequence[str]) -> None:
        """Wake this process's listeners of the topics."""
        by_kind: dict[str, list[str]] = defaultdict(list)
        for topic in topics:
            for poke in self._listeners.get(topic, ()):
                poke.set()
            kind, _, name = topic.rpartition(":")
            by_kind[kind].append(name)
        for kind, hear in self._overhearing:
            if kind in by_kind:
                hear(by_kind[kind])

    def _message(self, _channel: str, data: bytes) -> None:
        self.deliver(data.decode("utf-8", "replace").split())

    def _poke_everybody(self) -> None:
        for listeners in self._listeners.values():
            for poke in listeners:
                poke.set()
        for _, hear in self._overhearing:
            hear(None)


async def poke(redis: Redis, channel: str, topics: Iterable[str]) -> None:
    """Poke topics in every process. Raises the client's errors; losing a poke only costs time."""
    await redis.publish(channel, " ".join(topics))
