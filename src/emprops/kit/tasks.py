"""Tasks that run concurrently until they are stopped, and that really stop."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self

PATIENCE = 1.0
"""Seconds a cancelled task gets before it is cancelled again."""


async def stop_tasks(tasks: Iterable[asyncio.Task[Any]], *, patience: float = PATIENCE) -> None:
    """Cancel tasks and wait for their end; ask again as long as one goes on.

    Before Python 3.12 ``asyncio.wait_for``, which drivers and pools use, forgets a cancellation that arrives together
    with the result. A task that loops over such calls would then run for ever.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=patience)


async def run_together(works: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run named coroutines that go on for ever, until this one is cancelled or one of them ends; then stop them all.

    Raises what the first to end raised: a process must not go on without one of its parts.
    """
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop_tasks(tasks)
    for task in done:
        task.result()


class Background:
    """What works in a task of its own for the length of ``async with``."""

    task_name: ClassVar[str]
    _task: asyncio.Task[None] | None = None

    async def _work(self) -> None:
        """Work until cancelled."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work(), name=self.task_name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await stop_tasks([self._task])
