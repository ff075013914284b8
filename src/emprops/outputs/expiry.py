"""Results whose time is over (``output.expires_at``) are hidden, as if their owner had deleted them, and their files
are removed with those of hidden outputs (``media/retention.py``). What something uses stays until nothing does."""

from datetime import UTC, datetime
from uuid import UUID

from emprops.kit.database import Database
from emprops.outputs import expiry_store as store
from emprops.outputs.job_results import hide

BATCH = 50
FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


async def hide_expired(database: Database, usual_days: float) -> int:
    """Hide results whose time is over; an upkeep duty. Returns how many. Safe in any number of processes.

    ``usual_days``: for how long results are kept that are made from now on, where no operator says otherwise.
    """
    async with database.transaction() as tx:
        await store.set_usual_days(tx, usual_days)
    hidden, last = 0, FIRST
    while True:
        async with database.transaction() as tx:
            expired = await store.lock_expired(tx, after=last, limit=BATCH)
            over = await store.unused(tx, [output_id for _, output_id in expired])
            hidden += len(await hide(tx, over, by="time"))
        if len(expired) < BATCH:
            return hidden
        last = expired[-1]
