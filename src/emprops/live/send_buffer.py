"""What waits to be sent to one client: in order, bounded, progress merged to the latest."""

import asyncio
from collections import OrderedDict
from typing import Final

from emprops.live.messages import Merge, Message

MAX_WAITING: Final = 1_000
MAX_CHARACTERS: Final = 4 * 1024 * 1024
"""Together, unless a single message is larger."""


class Outbox:
    """Messages of one connection. It is never shortened: a client that does not keep up is told to go."""

    def __init__(self, max_waiting: int = MAX_WAITING, max_characters: int = MAX_CHARACTERS) -> None:
        self.overflown = False
        self._max_waiting = max_waiting
        self._max_characters = max_characters
        self._waiting: OrderedDict[Merge | int, Message] = OrderedDict()
        self._characters = 0
        self._count = 0
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Add a message; one of the same ``merge`` key that still waits is dropped, as this says more."""
        if self.overflown:
            return
        self._count += 1
        key: Merge | int = self._count if message.merge is None else message.merge
        before = self._waiting.pop(key, None)
        self._characters += len(message.text) - (len(before.text) if before else 0)
        self._waiting[key] = message
        too_long = self._characters > self._max_characters and len(self._waiting) > 1
        if too_long or len(self._waiting) > self._max_waiting:
            self.overflown = True
            self._waiting.clear()  # nobody will read it, so it need not be kept until the connection is closed
        self._news.set()

    async def take(self) -> Message | None:
        """Wait for the next message and take it out; None: there were too many."""
        while not self._waiting and not self.overflown:
            self._news.clear()
            await self._news.wait()
        if self.overflown:
            return None
        _, message = self._waiting.popitem(last=False)
        self._characters -= len(message.text)
        return message
