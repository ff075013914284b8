"""Redis: how this system's clients are made."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT = 5.0


def connect(url: str, *, socket_timeout: float | None = 5.0, max_connections: int = 50) -> Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``unix://`` URLs; it connects when first used.

    ``socket_timeout`` (seconds) is None for a client that sends blocking commands. The library's own retries are off:
    it cannot know which scripts may be sent twice. Replies are bytes, in the form of protocol 2.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=socket_timeout,
        max_connections=max_connections,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        protocol=2,
        decode_responses=False,
    )
