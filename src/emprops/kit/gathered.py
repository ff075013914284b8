"""Calls of many callers at once, made as few."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gathered(Generic[Item, Answer]):
    """What comes while a call is under way goes together in the next one; a caller who comes alone does not wait.

    ``send`` makes one call and answers each item. A call that fails fails for all whose items are in it. ``company``:
    seconds that a call is put off for others to join, where the one before had several callers.
    """

    def __init__(
        self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], most: int, *, company: float = 0.0
    ) -> None:
        self._send = send
        self._most = most
        self._company = company
        self._crowded = False
        self._busy = False
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []
        self._next: asyncio.Task[None] | None = None

    async def __call__(self, items: Sequence[Item]) -> Sequence[Answer]:
        """Return the answers to these items, at most as many as go in one call."""
        if self._busy or self._crowded:
            loop = asyncio.get_running_loop()
            answers: asyncio.Future[Sequence[Answer]] = loop.create_future()
            self._waiting.append((items, answers))
            if not self._busy:
                self._busy = True
                loop.call_later(self._company, self._go_on)
            return await answers
        self._busy = True
        try:
            return await self._send(items)
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            # a task of its own: none of its callers ends it for the others by going away, and what it logs is about
            # none of them alone
            self._next = asyncio.create_task(self._send_waiting(), context=Context())
        else:
            self._busy = False

    def _next_group(self) -> list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]:
        """Take as many as go in one call; what belongs to callers who have left is forgotten."""
        group: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []
        count = 0
        while self._waiting and (not group or count + len(self._waiting[0][0]) <= self._most):
            entry = self._waiting.pop(0)
            if not entry[1].done():
                group.append(entry)
                count += len(entry[0])
        return group

    async def _send_waiting(self) -> None:
        group = self._next_group()
        self._crowded = self._company > 0 and len(group) > 1
        try:
            items_of_all = [item for items, _ in group for item in items]
            answers = await self._send(items_of_all) if items_of_all else []
        except BaseException as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            start = 0
            for items, future in group:
                if not future.done():
                    future.set_result(answers[start : start + len(items)])
                start += len(items)
        finally:
            self._go_on()
