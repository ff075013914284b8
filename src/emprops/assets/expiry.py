"""Assets whose time is over are removed as soon as nothing uses them, those of requests that are refused at once."""

from collections.abc import Sequence
from uuid import UUID

from emprops.assets import store
from emprops.assets.queries import Asset
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


async def take_back(database: Database, brought: Sequence[Asset]) -> None:
    """Remove assets that were made for a request that is refused, unless they were brought again or used since."""
    if not brought:
        return
    async with database.transaction() as tx:
        for asset in sorted(brought, key=lambda one: one.id):
            found = await store.lock(tx, asset.user_id, asset.id)
            if found is not None and found.version == asset.version and not await store.was_used(tx, asset.id):
                await drop_files(tx, await store.remove(tx, [asset.id]))
