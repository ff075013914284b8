"""Running CPU work next to the event loop: in a thread, with progress, stoppable between two chunks."""

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from emprops.connectors.base import FinalError, RunContext

T = TypeVar("T")
Chunks = Generator[float, None, T]
"""Work in chunks: yields the share done (0–1) after each, returns the result."""


class _StoppedError(Exception):
    """The run was told to stop."""


def _drain(chunks: Chunks[T], context: RunContext, stopped: Callable[[], bool], message: str) -> T:
    reached = 0.0
    try:
        while True:
            if stopped():
                raise _StoppedError
            reached = max(reached, min(next(chunks), 1.0))
            context.progress(reached * 100, message)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        chunks.close()


async def run_in_thread(chunks: Chunks[T], context: RunContext, message: str) -> T:
    """Run the chunks in a thread and give their result.

    A cancelled caller waits for the chunk in hand, because the thread may be writing into the run's folder.
    """
    stop, cancelled = threading.Event(), context.cancelled
    work = asyncio.ensure_future(
        asyncio.to_thread(_drain, chunks, context, lambda: stop.is_set() or cancelled(), message)
    )
    # Somebody always looks at the outcome, or a late failure would be logged as "never retrieved".
    work.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        raise
    except _StoppedError:
        raise FinalError("Cancelled") from None
