"""The wish of the one who runs this process that it ends, as its signal handlers hear it."""

from contextlib import suppress
from queue import Empty, SimpleQueue


class StopFlag:
    """Set once, by a signal handler.

    ``threading.Event`` is not for that: a handler that interrupts :meth:`~threading.Event.wait` while it holds the lock
    waits for that lock for ever. A ``SimpleQueue`` may be put into at any time.
    """

    def __init__(self) -> None:
        self._set = False
        self._news: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Ask for the end."""
        self._set = True
        self._news.put(None)

    def is_set(self) -> bool:
        """Return whether the end was asked for."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Wait until the end is asked for, ``timeout`` seconds at most, and return whether it was."""
        if not self._set:
            with suppress(Empty):
                self._news.get(timeout=timeout)
        return self._set
