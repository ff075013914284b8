"""The pool of connections under cancellation."""

import asyncio

import pytest

from emprops.kit.database import Database
from emprops.settings import Settings


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancellation_is_not_lost_to_a_connection_that_comes(settings: Settings, steps: int) -> None:
    """Whichever step of the loop it falls into: what waits for a connection ends, and the connection is not lost."""
    database = Database(settings.database_url, size=1)
    await database.open()

    async def wait_for_one() -> None:
        async with database.reader() as reader:
            await reader.fetch_value("SELECT 1")

    held = await database.pool.getconn()
    waiting = asyncio.create_task(wait_for_one())
    for _ in range(3):
        await asyncio.sleep(0)
    assert database.pool.get_stats()["requests_waiting"] == 1
    await database.pool.putconn(held)
    for _ in range(steps):
        await asyncio.sleep(0)
    too_late = not waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert too_late or waiting.cancelled()
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT 2") == 2
    await database.close()
