"""Files of outputs that their owner deleted (status hidden) go for good after a while, those of results whose time is
over at once, unless something else uses them.

A file is in use, and stays, while any of these is true (``docs/decisions/0015-retention.md``):

* an output shows it, by its row or by its URL or as a thumbnail, and is not hidden for long enough itself
* a deck has an output that shows it as its cover
* its own job is not completed: a retry would take the file over as the result of a finished step
* another job ended with it, or an open step takes it as input
* a job of its owner takes it that is open, or failed in the last seven days and may be retried
* an output that was developed from it is still being made
* another file has it as its thumbnail, or a collection as its cover

What goes is the row, the stored file, its thumbnail unless that is used elsewhere, and the video at Mux. The output
stays, hidden and without a URL.
"""

from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.kit.outbox import Entry, Handler, Handlers
from emprops.kit.storage import Storage
from emprops.media import retention_store as store
from emprops.media.mux.events import put_delete
from emprops.settings import Settings

DELETE_FILE = "delete_file"
"""Outbox kind: a stored file without a row."""
BATCH = 50


async def remove_hidden_files(database: Database, settings: Settings) -> int:
    """Remove the rows of files whose outputs have been hidden for ``hidden_file_days`` (0: none have), or whose time is
    over, and have the stored files removed after the commit. Returns how many. Safe in any number of processes."""
    removed, last = 0, 0
    while True:
        async with database.transaction() as tx:
            hidden = await store.lock_hidden(tx, settings.hidden_file_days, after=last, limit=BATCH)
            candidates = await store.lock_files(tx, hidden)
            unused = await store.remove_unused(tx, candidates, settings.hidden_file_days)
            await _put_deletes(tx, unused)
            removed += len(unused)
        if len(hidden) < BATCH:
            return removed
        last = max(hidden)


async def _put_deletes(tx: Transaction, files: list[store.UnusedFile]) -> None:
    for file in files:
        for key in filter(None, (file.url, file.thumbnail_url)):
            await outbox.put(tx, DELETE_FILE, f"{DELETE_FILE}:{file.id}:{key}", {"key": key})
        if file.mux_asset_id is not None:
            await put_delete(tx, file.mux_asset_id)


def handlers(database: Database, storage: Storage) -> Handlers:
    """How this feature's outbox rows are delivered."""

    async def delete(entry: Entry) -> None:
        key = str(entry.payload["key"])
        if not await store.is_used(database, key):
            await storage.delete(key)

    return {DELETE_FILE: Handler(delete)}
