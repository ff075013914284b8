"""Redis: how this system's clients are made."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import hiredis
import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from emprops.settings import SettingsError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
EXAMPLE = "the URL of a Redis, such as redis://:password@host:6379/0"
KEEPS = "noeviction"


def connect(url: str, *, socket_timeout: float | None = 5.0, max_connections: int = 50) -> Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``unix://`` URLs; it connects when first used.

    ``socket_timeout`` (seconds) is None for a client that sends blocking commands. The library's own retries are off:
    it cannot know which scripts may be sent twice. Replies are bytes, in the form of protocol 2.
    Raises ``SettingsError`` for an empty URL, and for one that is none.
    """
    check_url(url)
    pool = _Pool.from_url(
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
    return _Client.from_pool(pool)


def check_url(url: str) -> None:
    """Raise ``SettingsError`` for a URL that redis-py cannot read, without repeating it."""
    if not url.strip():
        raise SettingsError(f"REDIS_URL is not set: it must be {EXAMPLE}.")
    try:
        parse_url(url)
    except ValueError:
        raise SettingsError(f"REDIS_URL must be {EXAMPLE}.") from None


async def eviction_policy(client: Redis) -> str | None:
    """Return by which policy this Redis may drop keys when its memory is full; None if it drops none.

    Asked by INFO, because managed services refuse CONFIG; where that is refused too, nothing is known.
    """
    try:
        policy = str((await client.info("memory")).get("maxmemory_policy", KEEPS))
    except ResponseError:
        return None
    return None if policy == KEEPS else policy


async def warn_of_eviction(client: Redis) -> None:
    """Log a warning if this Redis may drop keys. One that is away is looked at by ``/ready``, when it is back."""
    try:
        policy = await eviction_policy(client)
    except RedisError:
        return
    if policy is not None:
        log.warning("redis may evict the queue", policy=policy, hint="set maxmemory-policy noeviction")


class _Client(Redis):
    """Commands sent once. redis-py wraps each in what repeats and measures it, even where both are off."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        pool: Any = self.connection_pool  # untyped in redis-py
        connection = await pool.get_connection()
        try:
            await connection.send_command(*args)
            return await self.parse_response(connection, args[0], **options)
        finally:
            await pool.release(connection)


class _Pool(ConnectionPool):
    """Connections lent and taken back without what measures that. The loop runs nothing in between, so no lock is
    needed."""

    async def get_connection(self, *_: Any, **__: Any) -> Any:
        connection = super().get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: Any) -> None:
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)


class _QuickPacking:
    """Commands packed by hiredis.

    redis-py uses hiredis to read replies but packs what it sends in Python: 5.4 µs for an enqueued ticket against 1.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = (name.encode() if isinstance(name, str) else name).split()  # such as SCRIPT LOAD
        try:
            packed: bytes = hiredis.pack_command((*words, *rest))
        except TypeError:  # it takes no buffers; looking for them first costs as much as packing
            packed = hiredis.pack_command(
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
