"""Wrong secrets: which of them are one more try at guessing."""

import time
from collections.abc import Callable

REMEMBER_WRONG = 60.0
"""Seconds in which a wrong secret that comes again is no further guess."""
MAX_REMEMBERED = 10_000


class Guesses:
    """What was wrong lately; one per process and kind of secret.

    A client that goes on sending one secret that was revoked guesses nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[bytes, float] = {}

    def is_new(self, digest: bytes) -> bool:
        """Return whether a wrong secret was not sent a minute ago too, and remember it."""
        now = self._clock()
        if now - self._wrong.get(digest, -REMEMBER_WRONG) < REMEMBER_WRONG:
            return False
        if len(self._wrong) >= MAX_REMEMBERED:
            self._wrong.clear()
        self._wrong[digest] = now
        return True
