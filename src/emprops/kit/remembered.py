"""A reading that is believed for a moment, so that many who ask cost as much as one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value")


class Remembered(Generic[Source, Value]):
    """Reads at most once in ``seconds``. Those who ask during a reading wait for it; a failure is not remembered."""

    def __init__(
        self,
        read: Callable[[Source], Awaitable[Value]],
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: tuple[float, Value] | None = None

    async def get(self, source: Source) -> Value:
        """Return the value, read anew if it is too old. Raises what reading raises."""
        async with self._lock:
            if self._known is None or self._clock() - self._known[0] >= self._seconds:
                value = await self._read(source)
                self._known = (self._clock(), value)
            return self._known[1]
