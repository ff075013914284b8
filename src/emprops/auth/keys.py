"""API keys: their form, what is stored of them, and how one that comes with a request is checked.

A key is ``emp_<8 letters or digits>_<43 base64url characters>``. The first part is public and finds the row; of the
whole only a SHA-256 digest is stored, which is enough for 256 random bits.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass

from emprops.auth import store
from emprops.auth.guesses import Guesses
from emprops.errors import UnauthorizedError
from emprops.kit.database import Database

REMEMBER = 15.0
"""Seconds for which a key's row is believed without looking again: the longest a revoked key still works."""
MAX_REMEMBERED = 10_000

BEGINS = "emp_"
_KEY = re.compile(r"emp_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")
_ALPHABET = string.ascii_lowercase + string.digits
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: ``text`` is shown once, the rest is stored."""

    text: str
    prefix: str
    digest: bytes


def make_key() -> NewKey:
    """Make a random key."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    text = f"emp_{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(text, prefix, digest_of(text))


def digest_of(text: str) -> bytes:
    """Return what is stored of a key, or of another secret."""
    return hashlib.sha256(text.encode()).digest()


def looks_like_key(text: str) -> bool:
    """Return whether a text is meant as an API key, a mistyped one included."""
    return text.startswith(BEGINS)


def contains_key(text: str) -> bool:
    """Return whether a text has an API key in it."""
    return _KEY.search(text) is not None


@dataclass(slots=True)
class _Remembered:
    row: store.ApiKey
    read_at: float
    proven: bool = False
    """Whether somebody has sent the whole key, not only its public part."""


class KeyRing:
    """Checks keys against the database, at most once per :data:`REMEMBER` seconds and key; one per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._remembered: dict[str, _Remembered] = {}
        self._wrong = Guesses(clock)

    def is_guess(self, text: str) -> bool:
        """Return whether a key that was refused is one more try: of a key's form, and not sent a minute ago too."""
        return _KEY.fullmatch(text) is not None and self._wrong.is_new(digest_of(text))

    def proven(self, text: str) -> bool:
        """Return whether this key was found valid within the last :data:`REMEMBER` seconds."""
        match = _KEY.fullmatch(text)
        known = self._fresh(match[1]) if match else None
        return known is not None and known.proven and hmac.compare_digest(digest_of(text), known.row.key_hash)

    async def check(self, text: str, database: Database) -> store.ApiKey:
        """Return the key's row. Raises :class:`UnauthorizedError`, with one sentence for every reason.

        The digest is compared, in constant time, whether there is such a row or not.
        """
        match = _KEY.fullmatch(text)
        known = await self._known(match[1], database) if match else None
        same = hmac.compare_digest(digest_of(text), known.row.key_hash if known else _NO_DIGEST)
        if known is None or not same or not known.row.live:
            raise UnauthorizedError("The API key is not valid.")
        if not known.proven:
            known.proven = True
            async with database.reader() as writer:
                await store.touch_key(writer, known.row.id)
        return known.row

    def _fresh(self, prefix: str) -> _Remembered | None:
        known = self._remembered.get(prefix)
        return known if known is not None and self._clock() - known.read_at < REMEMBER else None

    async def _known(self, prefix: str, database: Database) -> _Remembered | None:
        known, now = self._fresh(prefix), self._clock()
        if known is not None:
            return known
        async with database.reader() as reader:
            row = await store.find_key(reader, prefix)
        self._remembered.pop(prefix, None)
        if row is None:
            return None
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[prefix] = found = _Remembered(row, now)
        return found
