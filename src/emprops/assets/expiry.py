"""Assets whose time is over are removed, as soon as nothing uses them."""

from uuid import UUID

from emprops.assets import store
from emprops.assets.service import BATCH, drop_files
from emprops.kit.database import Database

FAILED_DAYS = 7.0
"""Days for which an asset whose time is over stays for a job that failed, and may be retried."""


async def remove_expired(database: Database) -> int:
    """Remove assets whose time is over and that nothing uses; an upkeep duty. Returns how many. Safe in any number of
    processes."""
    removed, last = 0, UUID(int=0)
    while True:
        async with database.transaction() as tx:
            expired = await store.lock_expired(tx, after=last, limit=BATCH)
            unused = [asset.id for asset in expired if await store.in_use(tx, asset, failed_days=FAILED_DAYS) is None]
            await drop_files(tx, await store.remove(tx, unused))
        removed += len(unused)
        if len(expired) < BATCH:
            return removed
        last = expired[-1].id
