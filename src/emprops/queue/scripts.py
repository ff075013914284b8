"""Lua scripts as files: each is the key table, the parts it needs and its own text, called by hash."""

from functools import lru_cache
from hashlib import sha1
from pathlib import Path
from typing import Any, Final, NamedTuple

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from emprops.queue.keys import lua_prelude

FOLDER: Final = Path(__file__).parent / "lua"
PARTS: Final = {
    "acknowledge": (),
    "beat": ("shared",),
    "judge": ("shared",),
    "survey": ("shared",),
    "turn": ("shared", "lines", "type_limits", "take"),
}
"""Files whose functions a script uses; those not named here use ``shared`` and ``lines``."""

Argument = str | bytes | int


class Script(NamedTuple):
    """A script's text and the hash it is called by."""

    source: str
    sha: str


@lru_cache(maxsize=64)
def load(name: str, prefix: str) -> Script:
    """Read one script for a key prefix."""
    files = (*PARTS.get(name, ("shared", "lines")), name)
    source = lua_prelude(prefix) + "".join((FOLDER / f"{file}.lua").read_text() for file in files)
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


class Scripts:
    """Calls scripts over an async client. A script Redis has forgotten (restart, flush) is sent and called again:
    NOSCRIPT means that nothing has run."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    async def __call__(self, name: str, *arguments: Argument) -> Any:
        """Call a script. Raises redis-py's connection errors; the call may or may not have run then."""
        script = load(name, self.prefix)
        try:
            return await self.redis.evalsha(script.sha, 0, *arguments)
        except NoScriptError:
            await self.redis.script_load(script.source)
            return await self.redis.evalsha(script.sha, 0, *arguments)


class SyncScripts:
    """The same over a blocking client, for the worker's heartbeat thread."""

    def __init__(self, redis: SyncRedis, prefix: str) -> None:
        self.redis: Any = redis  # redis-py types every reply as str or bytes or more
        self.prefix = prefix

    def __call__(self, name: str, *arguments: Argument) -> Any:
        """Call a script. Raises redis-py's connection errors."""
        script = load(name, self.prefix)
        try:
            return self.redis.evalsha(script.sha, 0, *arguments)
        except NoScriptError:
            self.redis.script_load(script.source)
            return self.redis.evalsha(script.sha, 0, *arguments)
