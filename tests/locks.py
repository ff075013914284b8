"""Tests of what happens when two transactions want the same row."""

import asyncio
from typing import Any

from emprops.kit.database import Database


async def somebody_waits(database: Database, task: "asyncio.Task[Any] | None" = None) -> None:
    """Return once a statement waits for a lock that another transaction holds. Fails if ``task`` ends without that."""
    async with database.reader() as reader:
        while not await reader.fetch_value(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0)"
        ):
            assert task is None or not task.done(), "it did not wait"
