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
from emprops.errors import UnauthorizedError
from emprops.kit.database import Database

REMEMBER = 15.0
"""Seconds for which a key's row is believed without looking again: the longest a revoked key still works."""
MAX_REMEMBERED = 10_000

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
    """Give what is stored of a key."""
    return hashlib.sha256(text.encode()).digest()


def contains_key(text: str) -> bool:
    """Tell whether a text has an API key in it."""
    return _KEY.search(text) is not None


class KeyRing:
    """Checks keys against the database, at most once per :data:`REMEMBER` seconds and key; one per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._remembered: dict[str, tuple[store.ApiKey, float]] = {}

    async def check(self, text: str, database: Database) -> store.ApiKey:
        """Return the key's row. Raises :class:`UnauthorizedError`, with one sentence for every reason.

        The digest is compared, in constant time, whether there is such a row or not.
        """
        match = _KEY.fullmatch(text)
        row = await self._row(match[1], database) if match else None
        same = hmac.compare_digest(digest_of(text), row.key_hash if row else _NO_DIGEST)
        if row is None or not same or not row.live:
            raise UnauthorizedError("The API key is not valid.")
        return row

    async def _row(self, prefix: str, database: Database) -> store.ApiKey | None:
        remembered, at = self._remembered.get(prefix, (None, 0.0))
        now = self._clock()
        if remembered is not None and now - at < REMEMBER:
            return remembered
        async with database.reader() as reader:
            row = await store.find_key(reader, prefix)
            if row is not None and row.live:
                await store.touch_key(reader, row.id)
        self._remembered.pop(prefix, None)
        if row is not None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[prefix] = (row, now)
        return row
