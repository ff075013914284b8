"""How the worker's process ends: in bounded time, whatever its work still does."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
import uvloop

log = structlog.get_logger(__name__)

CLOSING_TIME = 5.0
"""Seconds that each of the last things to do may take."""
PATIENCE = 1.0
"""Seconds that tasks and threads get to end once nothing else is to be done."""
LAST_WORDS = 2.0
"""Seconds in which the process, left by its work or not, must be gone then."""
DEAF = 5.0
"""Seconds beyond the grace in which an event loop that is not blocked has long heard of the signal."""
LONGEST_END = 45.0
"""Seconds beyond the grace that stopping, handing back and closing take, when everything is slow."""


def run_process(main: Coroutine[Any, Any, None]) -> None:
    """Run the worker's main coroutine, and leave the process to end when it has ended.

    It differs from :func:`asyncio.run` in two things. ``sys.exit()`` in a task that a connector made ends that task
    only. And nothing is waited for that goes on in spite of everything: a thread that blocks, a task that swallows its
    cancellation.
    """
    before = set(threading.enumerate())
    loop, threads = uvloop.new_event_loop(), ThreadPoolExecutor(thread_name_prefix="worker")
    loop.set_default_executor(threads)
    asyncio.set_event_loop(loop)
    task, code = loop.create_task(main), 1
    try:
        _complete(loop, task)
        code = 0
    finally:
        idle = loop.run_until_complete(_end_tasks())
        threads.shutdown(wait=False, cancel_futures=True)
        if idle:
            loop.close()
        asyncio.set_event_loop(None)
        if not idle or _outlived(before):
            log.warning("unfinished work left behind")
            leave_in(LAST_WORDS, code)


def _complete(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    while True:
        try:
            loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done():
                raise
            if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    loop.run_until_complete(task)
                raise
            # the waiter of the task that raised it gets it from there
            log.warning("task exit ignored", exc_info=True)
        else:
            return


async def _end_tasks() -> bool:
    """Cancel what still runs. Returns whether all of it ended."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if not tasks:
        return True
    _, going_on = await asyncio.wait(tasks, timeout=PATIENCE)
    return not going_on


def _outlived(before: set[threading.Thread]) -> bool:
    """Whether threads go on that would keep the process alive."""
    until = time.monotonic() + PATIENCE
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                return True
    return False


@contextlib.contextmanager
def heeding_signals(stop: Callable[[], None], heard: Callable[[], bool], grace: float) -> Iterator[None]:
    """Call ``stop`` in the event loop on SIGTERM and SIGINT while the block runs, and see to it that the process ends:
    also if the block does not within its time, or the loop is blocked (``heard`` says whether it has stopped)."""
    loop, alarms = asyncio.get_running_loop(), list[threading.Timer]()

    def asked_to_stop(_number: int, _frame: Any) -> None:
        if not alarms:
            alarms.append(leave_in(grace + DEAF, 1, unless=heard))
            alarms.append(leave_in(grace + LONGEST_END, 1))

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
        signal.signal(number, asked_to_stop)  # runs even while the event loop does not
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        for alarm in alarms:
            alarm.cancel()


def leave_in(seconds: float, code: int, *, unless: Callable[[], bool] = lambda: False) -> threading.Timer:
    """End the process at that time, however many threads there are by then, unless it has ended or need not."""

    def leave() -> None:
        if not unless():
            log.warning("process ended by its own alarm")
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer


async def close_all(closings: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Close everything, side by side. What one of them raises, or that it takes long, concerns none of the others."""
    tasks = [asyncio.create_task(_closed(name, close)) for name, close in closings.items()]
    _, late = await asyncio.wait(tasks, timeout=CLOSING_TIME) if tasks else ((), ())
    for task in late:
        task.cancel()
    if late:
        log.warning("closing not finished in time", count=len(late))


async def _closed(name: str, close: Callable[[], Awaitable[None]]) -> None:
    try:
        await close()
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            raise
        log.warning("closing failed", name=name, exc_info=True)


async def in_thread(work: Callable[[], object], limit: float = CLOSING_TIME) -> None:
    """Do something that blocks, in a thread of its own: the common ones may be taken by work that does not end."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def body() -> None:
        try:
            work()
        except Exception:
            log.exception("last errand failed")
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=body, daemon=True, name="ending").start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await done.wait()
