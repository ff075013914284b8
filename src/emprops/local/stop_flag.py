"""Whether this process was asked to end; safe to set from a signal handler."""

from contextlib import suppress
from queue import Empty, SimpleQueue


class StopFlag:
    """Set by a signal handler, waited for by the main thread.

    A ``threading.Event`` can deadlock there: if the signal interrupts ``wait`` while that holds the event's lock, the
    handler's ``set`` waits for the lock forever. ``SimpleQueue.put`` is reentrant.
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
