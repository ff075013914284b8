"""Pokes: "look again at this topic". One Redis subscription per process, fanned out in memory.

A poke carries no data and may be lost while Redis is away, so whoever listens also looks again from time to time;
after every (re)connect all listeners are poked once.
"""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator
from types import TracebackType

import structlog
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from emprops.kit.redis import connect
from emprops.kit.tasks import stop_tasks

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
SILENCE = 15.0
"""After this many seconds without a message the connection is asked for a sign of life."""
PING_TIMEOUT = 5.0


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


class Pokes:
    """The process's subscription. Use as ``async with``; it connects in the background and reconnects for ever."""

    def __init__(self, redis_url: str, channel: str) -> None:
        self.channel = channel
        self._url = redis_url
        self._listeners: dict[str, set[Poke]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Pokes":
        self._task = asyncio.create_task(self._run(), name="pokes")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await stop_tasks([self._task])

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

    def deliver(self, topics: Iterable[str]) -> None:
        """Wake this process's listeners of the topics."""
        for topic in topics:
            for poke in self._listeners.get(topic, ()):
                poke.set()

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            async with connect(self._url, socket_timeout=None) as redis, redis.pubsub() as subscription:
                try:
                    await subscription.subscribe(self.channel)
                    pause = FIRST_PAUSE
                    await self._follow(subscription)
                except (redis_errors.RedisError, OSError) as error:
                    log.warning("pokes_disconnected", error=str(error), again_in=round(pause, 1))
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _follow(self, subscription: PubSub) -> None:
        """Deliver messages until the connection fails. A dead peer is noticed by its silence after a ping."""
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
            if message["type"] == "subscribe":
                self.deliver(list(self._listeners))
            elif message["type"] == "message":
                self.deliver(message["data"].decode("utf-8", "replace").split())


async def poke(redis: Redis, channel: str, topics: Iterable[str]) -> None:
    """Poke topics in every process. Raises the client's errors; losing a poke only costs time."""
    await redis.publish(channel, " ".join(topics))
