"""Sign-ins at a provider that have begun: what must come back, kept in Redis under what only that browser has."""

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass

import orjson
from redis.asyncio import Redis

LIFE = 600
"""Seconds that somebody may take at the provider."""
ATTEMPT = "sign_in:"
"""Redis key (prefixed), a string per digest of a browser's cookie: the attempt."""
HOME = "/console/"
MAX_PATH = 1_000
_OWN = re.compile(r"/console([/?#][!-\[\]-~]*)?")
"""Without blanks, and without backslashes, which browsers take for slashes."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun."""

    state: str
    nonce: str
    verifier: str
    """What PKCE proves that the code comes back to who asked for it."""
    return_to: str


async def begin(redis: Redis, prefix: str, return_to: str) -> tuple[str, Attempt]:
    """Begin a sign-in. Returns what the browser keeps, and the attempt."""
    browser, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
    attempt = Attempt(state, nonce, verifier, own_page(return_to))
    await redis.set(_key(prefix, browser), orjson.dumps(asdict(attempt)), ex=LIFE)
    return browser, attempt


async def take(redis: Redis, prefix: str, browser: str) -> Attempt | None:
    """Return the sign-in that a browser began, which is used up by that. None: it took too long, or is none."""
    content = await redis.getdel(_key(prefix, browser))
    return None if content is None else Attempt(**orjson.loads(content))


def own_page(path: str) -> str:
    """Return a path below the console, and its start for anything else: no sign-in leads to another site."""
    own = _OWN.fullmatch(path) and ".." not in path and len(path) <= MAX_PATH
    return path if own else HOME


def _key(prefix: str, browser: str) -> str:
    return prefix + ATTEMPT + hashlib.sha256(browser.encode()).hexdigest()
