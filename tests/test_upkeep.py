"""The timetable ends when it is told to."""

import asyncio
import contextlib

from emprops.upkeep import Duty, keep


async def test_a_duty_ends_even_if_its_cancellation_is_lost() -> None:
    began, runs = asyncio.Event(), 0

    async def loses_it() -> int:
        nonlocal runs
        runs += 1
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 0

    task = asyncio.create_task(keep(Duty("loses", 3600.0, loses_it)))
    await began.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(task, return_exceptions=True)
    assert runs == 1
