"""Redis: how this system's clients are made."""

import asyncio
from collections.abc import Iterable
from typing import Any

import hiredis
import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
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
            if not connection.is_ready:
                await connection.disconnect(nowait=True)
                await connection.connect()
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: Any) -> None:
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)


class _LeanConnection:
    """The way of a command to Redis and of its reply, over the streams and the parser that redis-py has opened.

    Commands are packed by hiredis, which redis-py uses for replies only: 1 µs for an enqueued ticket against 5.4. They
    are written without waiting for the socket: the reply is waited for anyway, and its timeout bounds both.
    Subscribers, who ask for another timeout, read as redis-py has it.
    """

    @property
    def is_ready(self: Any) -> bool:
        """Whether it is connected, and nothing has come that nobody asked for."""
        if not self.is_connected:
            return False
        reader = self._reader
        return not (reader._buffer or self._parser._reader.has_data() or reader.at_eof() or reader.exception())

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

    async def send_packed_command(self: Any, command: Iterable[bytes], check_health: bool = True) -> None:
        del check_health  # there is no interval for it
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        try:
            self._writer.writelines(command)
        except (OSError, RuntimeError) as error:  # uvloop raises the second where a connection was just lost
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"Error while writing to {self._host_error()}: {error}") from error

    async def read_response(
        self: Any, disable_decoding: bool = False, timeout: float | None = None, **options: Any
    ) -> Any:
        if timeout is not None or options:
            return await super().read_response(disable_decoding, timeout, **options)  # type: ignore[misc]
        try:
            async with asyncio.timeout(self.socket_timeout):
                reply = await self._parser.read_response()
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError(f"Timeout reading from {self._host_error()}") from None
        except OSError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"Error while reading from {self._host_error()}: {error}") from error
        except BaseException:  # the reply may still come, for the next command
            await self.disconnect(nowait=True)
            raise
        if isinstance(reply, ResponseError):
            raise reply
        return reply


_OURS: dict[Any, Any] = {
    theirs: type(f"Our{theirs.__name__}", (_LeanConnection, theirs), {})
    for theirs in (Connection, SSLConnection, UnixDomainSocketConnection)
}
