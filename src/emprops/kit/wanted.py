"""Things that somebody wants done soon: each once, however often it is asked for until then."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

Item = TypeVar("Item")


class Wanted(Generic[Item]):
    """A task of its own does them, so that nobody who asks waits for one."""

    def __init__(self, do: Callable[[Item], Awaitable[None]], *, at_once: int, failed: str) -> None:
        """``at_once`` of them are done at the same time. A failure is logged as the event ``failed``."""
        self._do = do
        self._at_once = at_once
        self._failed = failed
        self._items: set[Item] = set()
        self._news = asyncio.Event()

    def add(self, item: Item) -> None:
        """Have a thing done. Does not block."""
        self._items.add(item)
        self._news.set()

    async def run(self) -> None:
        """Do what is wanted until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._items:
                some = [self._items.pop() for _ in range(min(self._at_once, len(self._items)))]
                for error in await asyncio.gather(*map(self._do, some), return_exceptions=True):
                    if isinstance(error, Exception):
                        log.error(self._failed, exc_info=error)
