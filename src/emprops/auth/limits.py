"""How often a caller may ask (429): a bucket per caller and kind of request, which each request fills a little and
which leaks steadily, so that a minute's allowance may be used at once or evenly.

A bucket is one number in Redis: the moment at which it will be empty again (the generic cell rate algorithm). While
Redis is away, each process keeps buckets of its own: an outage does not end the limits, only their being shared.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from emprops.auth.caller import SERVICE, WORKER, Caller
from emprops.errors import TooManyRequestsError
from emprops.kit.web.asgi import add_reply_headers
from emprops.kit.web.endpoint import resources_of
from emprops.kit.web.parts import Part
from emprops.settings import Settings

log = structlog.get_logger(__name__)

WINDOW = 60.0
"""Seconds in which a full bucket leaks out; limits are per this time."""
PATIENCE = 0.25
"""Seconds that Redis gets to answer."""
LEAVE_ALONE = 5.0
"""Seconds for which Redis is not asked again after it failed."""
MAX_REMEMBERED = 10_000
UNLIMITED = {SERVICE, WORKER}
"""Scopes of keys that are not limited unless they speak for a user."""
RATE = "rate:"
"""Redis key (prefixed), a string per kind and principal: when its bucket is empty again (seconds of Redis' clock)."""

_POUR = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local level = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - now, 0)
local cost, size = tonumber(ARGV[1]), tonumber(ARGV[2])
if level + cost > size + 0.000001 then return {0, tostring(level)} end
if ARGV[3] == 'look' then return {1, tostring(level)} end
level = level + cost
redis.call('SET', KEYS[1], string.format('%.6f', now + level), 'PX', math.ceil(level * 1000))
return {1, tostring(level)}
"""


GUESSES_A_MINUTE = 20
"""Wrong API keys from one address."""
SIGN_INS_A_MINUTE = 120
"""Sign-ins at a provider that one address may begin: for each, Redis keeps something for minutes, and anybody may."""


class Kind(StrEnum):
    """What is counted by itself."""

    REQUEST = "requests"
    """Every request of a known caller."""
    GENERATION = "generations"
    """Requests that put work into the queue."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a caller stands after a request. ``level`` is the seconds until the bucket is empty."""

    limit: int
    allowed: bool
    level: float

    @property
    def headers(self) -> dict[str, str]:
        """Say so in headers; ``X-RateLimit-Reset`` is the seconds until the whole allowance is there again."""
        left = math.floor((WINDOW - self.level) * self.limit / WINDOW + 1e-6)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": str(math.ceil(self.level)),
        }

    @property
    def wait(self) -> int:
        """Seconds after which the next request is allowed, at least 1."""
        return max(1, math.ceil(self.level + WINDOW / self.limit - WINDOW))


class RateLimiter:
    """Counts requests; one per process."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = {Kind.REQUEST: settings.requests_a_minute, Kind.GENERATION: settings.generations_a_minute}
        self._prefix = settings.queue_prefix + RATE
        self._clock = clock
        self._own: dict[str, float] = {}
        self._ask_again_at = -math.inf

    async def check(self, connection: HTTPConnection, caller: Caller, kind: Kind) -> None:
        """Count a request, and tell the caller where they stand. Raises :class:`TooManyRequestsError`.

        A service that speaks for nobody is not limited, as it acts for a whole installation, and no worker is.
        """
        limit = self._limits[kind]
        if not limit or (caller.user_id is None and caller.scopes & UNLIMITED):
            return
        allowance = await self.count(resources_of(connection).redis, f"{kind}:{caller.principal}", limit)
        add_reply_headers(connection.scope, allowance.headers)
        if not allowance.allowed:
            raise TooManyRequestsError(f"More than {limit} {kind} a minute; try again later.", wait=allowance.wait)

    async def check_guesses(self, connection: HTTPConnection) -> None:
        """Refuse to look at another API key from an address that sent too many wrong ones. Raises
        :class:`TooManyRequestsError`."""
        allowance = await self._guess(connection, pour=False)
        if not allowance.allowed:
            message = "Too many wrong API keys from this address; try again later."
            raise TooManyRequestsError(message, wait=allowance.wait)

    async def count_guess(self, connection: HTTPConnection) -> None:
        """Count a wrong API key."""
        await self._guess(connection, pour=True)

    async def may_sign_in(self, connection: HTTPConnection) -> bool:
        """Count a sign-in that begins; False if that is one too many from this address."""
        bucket = f"sign-ins:{network_of(connection)}"
        return (await self.count(resources_of(connection).redis, bucket, SIGN_INS_A_MINUTE)).allowed

    async def _guess(self, connection: HTTPConnection, *, pour: bool) -> Allowance:
        bucket = f"guesses:{network_of(connection)}"
        return await self.count(resources_of(connection).redis, bucket, GUESSES_A_MINUTE, pour=pour)

    async def count(self, redis: Redis, bucket: str, limit: int, *, pour: bool = True) -> Allowance:
        """Count a request in a bucket, in Redis if it answers, else here; without ``pour`` only look at it."""
        if self._clock() >= self._ask_again_at:
            try:
                async with asyncio.timeout(PATIENCE):
                    script = redis.register_script(_POUR)
                    arguments = [WINDOW / limit, WINDOW, "pour" if pour else "look"]
                    allowed, level = await script(keys=[self._prefix + bucket], args=arguments)
                return Allowance(limit, bool(allowed), float(level))
            except (RedisError, TimeoutError) as error:
                self._ask_again_at = self._clock() + LEAVE_ALONE
                log.warning("rate limits counted locally", error=str(error))
        return self._count_here(bucket, limit, pour=pour)

    def _count_here(self, bucket: str, limit: int, *, pour: bool = True) -> Allowance:
        now, cost = self._clock(), WINDOW / limit
        level = max(self._own.get(bucket, now) - now, 0.0)
        allowed = level + cost <= WINDOW + 1e-6
        if allowed and pour:
            level += cost
            if len(self._own) >= MAX_REMEMBERED:
                self._own = {name: empty_at for name, empty_at in self._own.items() if empty_at > now}
            if len(self._own) < MAX_REMEMBERED or bucket in self._own:
                self._own[bucket] = now + level
        return Allowance(limit, allowed, level)


def network_of(connection: HTTPConnection) -> str:
    """Return the address that a request comes from; of an IPv6 address its /64, which is one customer's."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else host


LIMITER: Part[RateLimiter] = Part("limiter")
