"""Totals that are kept without a hot row: statements note what they change, and a duty adds the notes to the totals."""

from typing import Final

from emprops.kit.database import Database

FOLDED_AT_ONCE: Final = 20_000
"""Notes that one call takes."""


async def fold(database: Database, name: str, statement: str) -> int:
    """Run the statement that takes at most so many notes (its parameter) and adds them up. Returns how many it took.

    One process at a time for each ``name``; another one that comes meanwhile has nothing to do, and returns 0.
    """
    async with database.transaction() as tx:
        # two statements: the second must not see the notes as they were before the lock was there
        if not await tx.fetch_value("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (name,)):
            return 0
        taken: int = await tx.fetch_value(statement, (FOLDED_AT_ONCE,))
        return taken
