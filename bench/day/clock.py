"""The queue's own scripts on a clock that the simulation sets."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from emprops.queue.scripts import Argument, Script, Scripts, load

REDIS_TIME = """  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
"""
SIMULATED = "  return tonumber(KEYS[1])\n"
MIDNIGHT = 1_768_003_200_000
"""Unix milliseconds at which a simulated day begins: 2026-01-10."""


@dataclass(slots=True)
class Clock:
    """What time it is in the simulation, in seconds since midnight."""

    now: float = 0.0

    @property
    def ms(self) -> int:
        return MIDNIGHT + round(self.now * 1000)


@lru_cache(maxsize=64)
def simulated(name: str, prefix: str) -> Script:
    """Read a script of the queue that takes the time from its caller. Nothing else of it is changed."""
    source = load(name, prefix).source
    changed = source.replace(REDIS_TIME, SIMULATED)
    if source.count(REDIS_TIME) != int("now_ms" in source) or "'TIME'" in changed:
        raise RuntimeError(f"{name}.lua takes the time from somewhere else than now_ms()")
    return Script(changed, sha1(changed.encode(), usedforsecurity=False).hexdigest())


class ClockScripts(Scripts):
    """Calls them."""

    def __init__(self, redis: Redis, prefix: str, clock: Clock) -> None:
        super().__init__(redis, prefix)
        self.clock = clock

    async def __call__(self, name: str, *arguments: Argument) -> Any:
        script = simulated(name, self.prefix)
        try:
            return await self.redis.evalsha(script.sha, 1, self.clock.ms, *arguments)
        except NoScriptError:
            await self.redis.script_load(script.source)
            return await self.redis.evalsha(script.sha, 1, self.clock.ms, *arguments)
