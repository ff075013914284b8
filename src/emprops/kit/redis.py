"""Redis: how this system's clients are made."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_TIMEOUT = 5.0


def connect(url: str, *, socket_timeout: float | None = 5.0, max_connections: int = 50) -> Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``unix://`` URLs; it connects when first used.

    ``socket_timeout`` (seconds) is None for a client that sends blocking commands. The library's own retries are off:
    it cannot know which scripts may be sent twice. Replies are bytes, in the form of protocol 2.
    """
    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=socket_timeout,
        max_connections=max_connections,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        protocol=2,
        decode_responses=False,
    )
    pool.connection_class = _OURS[pool.connection_class]
    return Redis.from_pool(pool)


class _QuickPacking:
    """Commands packed by hiredis.

    redis-py uses hiredis to read replies but packs what it sends in Python: 5.4 µs for an enqueued ticket against 1.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = (name.encode() if isinstance(name, str) else name).split()  # such as SCRIPT LOAD
        packed: bytes = hiredis.pack_command(
            (*words, *(bytes(arg) if isinstance(arg, bytearray | memoryview) else arg for arg in rest))
        )
        return [packed]


class _CancellableWrites:
    """Writes that can be cancelled on Python 3.11.

    redis-py bounds each write by ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that arrives in
    the same turn of the loop as the result. A write is over at once, so nearly every cancellation is forgotten there,
    and a loop over Redis commands cannot be stopped.
    """

    socket_timeout: Any

    async def send_packed_command(self: Any, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        limit, self.socket_timeout = self.socket_timeout, None  # nothing below reads: only the write is unbounded now
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health=False)  # type: ignore[misc]
        except TimeoutError:
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


def _ours(theirs: type) -> type:
    """Return redis-py's kind of connection, with what this module changes of it."""
    ahead = (_QuickPacking, _CancellableWrites) if sys.version_info < (3, 12) else (_QuickPacking,)
    return type(f"Our{theirs.__name__}", (*ahead, theirs), {})


_OURS: dict[Any, Any] = {theirs: _ours(theirs) for theirs in (Connection, SSLConnection, UnixDomainSocketConnection)}
