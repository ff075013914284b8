"""What happens to the audit log by itself: entries join the chain, and old ones go."""

import structlog

from emprops.audit import service, store
from emprops.audit.actions import Action
from emprops.audit.chain import links
from emprops.kit.database import Database, Transaction

log = structlog.get_logger(__name__)

BATCH = 500
EXPIRE_BATCH = 5_000


async def chain_entries(database: Database) -> int:
    """Join what was committed to the chain. Returns how many entries. Safe in any number of processes: one extends the
    chain at a time, and the others have nothing to do."""
    done = 0
    while True:
        async with database.transaction() as tx:
            head = await store.lock_head(tx)
            joined = await _join(tx, head) if head else 0
        done += joined
        if joined < BATCH:
            return done


async def expire_entries(database: Database, days: float) -> int:
    """Remove the oldest entries of the chain if they are older than this. Returns how many. 0 days: keep everything.

    An entry with the hash of the last one removed joins the chain in the same transaction, so that what is left can
    still be checked, and what is missing accounted for.
    """
    if not days:
        return 0
    async with database.reader() as reader:
        than = await store.days_ago(reader, days)  # once, because entries about what went are younger
    removed = 0
    while True:
        async with database.transaction() as tx:
            head = await store.lock_head(tx)
            last = await store.expired(tx, than, before=head.position, limit=EXPIRE_BATCH) if head else None
            if head is None or last is None or last.position is None or last.hash is None:
                return removed
            count = await store.remove_through(tx, last.position)
            about = {"through": last.position, "hash": last.hash.hex(), "entries": count, "days": days}
            await service.record(tx, service.EMPROPS, Action.ENTRIES_EXPIRED, "", about)
            while await _join(tx, head) == BATCH:
                head = await store.lock_head(tx) or head
        removed += count
        if count < EXPIRE_BATCH:
            return removed


async def _join(tx: Transaction, head: store.Head) -> int:
    """Extend the chain, whose end is locked."""
    joined = links(await store.unchained(tx, BATCH), head.position, head.hash)
    if joined:
        await store.join(tx, joined)
        last = joined[-1]
        # a copy outside the database: who rewrites the whole chain does not reach the logs
        tx.after_commit(lambda: log.info("audit chained", position=last.position, hash=last.hash.hex()))
    return len(joined)
