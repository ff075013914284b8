"""Files of outputs that their owner deleted (status hidden) go for good after a while, unless something else uses them.

A file is in use, and stays, while any of these is true (``docs/decisions/0015-retention.md``):

* an output shows it, by its row or by its URL or as a thumbnail, and is not hidden for long enough itself
* a deck has an output that shows it as its cover
* its own job is not completed: a retry would take the file over as the result of a finished step
* another job ended with it, or an open step takes it as input
* an output that was developed from it is still being made
* another file has it as its thumbnail, or a collection as its cover

What goes is the row, the stored file, its thumbnail unless that is used elsewhere, and the video at Mux. The output
stays, hidden and without a URL.
"""

from dataclasses import dataclass

from emprops.kit import outbox
from emprops.kit.database import Database, Transaction
from emprops.kit.outbox import Entry, Handler, Handlers
from emprops.kit.storage import Storage
from emprops.media.mux.events import put_delete
from emprops.settings import Settings

DELETE_FILE = "delete_file"
"""Outbox kind: a stored file without a row."""
BATCH = 50
KEY = "'/files/([^?#]+)'"
"""What in a URL is a stored file's key; the indexes are on the same expression."""

_USED = f"""
    EXISTS (SELECT FROM output o WHERE o.flat_file_id = f.id
            AND (o.status <> 'hidden' OR o.updated_at > %(before)s))
 OR EXISTS (SELECT FROM output o WHERE substring(o.url FROM {KEY}) = f.url
            AND (o.status <> 'hidden' OR o.updated_at > %(before)s))
 OR EXISTS (SELECT FROM output o WHERE substring(o.thumbnail_url FROM {KEY}) = f.url
            AND (o.status <> 'hidden' OR o.updated_at > %(before)s))
 OR EXISTS (SELECT FROM deck d JOIN output o ON o.id = d.cover_output_id
            WHERE o.flat_file_id = f.id OR substring(o.url FROM {KEY}) = f.url)
 OR EXISTS (SELECT FROM job j WHERE j.id = f.job_id AND j.status <> 'completed')
 OR EXISTS (SELECT FROM job j WHERE substring(j.workflow_output FROM {KEY}) = f.url
            AND j.id IS DISTINCT FROM f.job_id)
 OR EXISTS (SELECT FROM output o JOIN output made ON made.source_output_id = o.id
            WHERE o.flat_file_id = f.id AND made.status IN ('pending', 'processing'))
 OR EXISTS (SELECT FROM step s WHERE s.status IN ('pending', 'processing') AND s.input_data IS NOT NULL
            AND strpos(s.input_data::text, f.url) > 0)
 OR EXISTS (SELECT FROM flat_file g WHERE g.thumbnail_url = f.url AND g.id <> f.id)
 OR EXISTS (SELECT FROM collection c
            WHERE f.url IN (substring(c.cover_image_url FROM {KEY}),
                            substring(c.miniapp_cover_image FROM {KEY})))
"""


@dataclass(frozen=True, slots=True)
class _Unused:
    id: int
    url: str
    thumbnail_url: str | None
    mux_asset_id: str | None


async def remove_hidden_files(database: Database, settings: Settings) -> int:
    """Remove the rows of files whose outputs have been hidden for ``hidden_file_days``, and have the stored files
    removed after the commit. Returns how many. Safe in any number of processes."""
    if settings.hidden_file_days == 0:
        return 0
    removed, last = 0, 0
    while True:
        async with database.transaction() as tx:
            hidden = await _lock_hidden(tx, settings.hidden_file_days, after=last)
            candidates = await _lock_files(tx, hidden)
            removed += await _remove_unused(tx, candidates, settings.hidden_file_days)
        if len(hidden) < BATCH:
            return removed
        last = max(hidden)


async def _lock_hidden(tx: Transaction, days: float, *, after: int) -> list[int]:
    """Lock outputs hidden for long enough, without waiting for anybody; gives their files. What somebody else
    holds is left for the next time."""
    return await tx.fetch_values(
        """
        SELECT flat_file_id FROM output
        WHERE status = 'hidden' AND flat_file_id > %s AND updated_at < now() - %s * interval '1 day'
        ORDER BY flat_file_id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
        """,
        (after, days, BATCH),
    )


async def _lock_files(tx: Transaction, file_ids: list[int]) -> list[int]:
    """Lock files so that whoever wants to show one waits until it is known whether it stays."""
    return await tx.fetch_values(
        "SELECT id FROM flat_file WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED", (file_ids,)
    )


async def _remove_unused(tx: Transaction, file_ids: list[int], days: float) -> int:
    """Remove those of the locked files that nothing uses. A statement of its own, to see what was there at the lock."""
    if not file_ids:
        return 0
    before = await tx.fetch_value("SELECT now() - %s * interval '1 day'", (days,))
    unused = await tx.fetch_all(
        _Unused,
        f"SELECT id, url, thumbnail_url, mux_asset_id FROM flat_file f WHERE id = ANY(%(ids)s) AND NOT ({_USED})",
        {"ids": file_ids, "before": before},
    )
    ids = [file.id for file in unused]
    await tx.execute(
        "UPDATE output SET flat_file_id = NULL, url = NULL, thumbnail_url = NULL WHERE flat_file_id = ANY(%s)", (ids,)
    )
    await tx.execute("DELETE FROM flat_file WHERE id = ANY(%s)", (ids,))
    for file in unused:
        for key in filter(None, (file.url, file.thumbnail_url)):
            await outbox.put(tx, DELETE_FILE, f"{DELETE_FILE}:{file.id}:{key}", {"key": key})
        if file.mux_asset_id is not None:
            await put_delete(tx, file.mux_asset_id)
    return len(ids)


def handlers(database: Database, storage: Storage) -> Handlers:
    """How this feature's outbox rows are delivered."""

    async def delete(entry: Entry) -> None:
        key = str(entry.payload["key"])
        if not await is_used(database, key):
            await storage.delete(key)

    return {DELETE_FILE: Handler(delete)}


async def is_used(database: Database, key: str) -> bool:
    """Return whether anything that is not hidden names a stored file: a row, or a URL."""
    async with database.reader() as reader:
        return bool(
            await reader.fetch_value(
                f"""
                SELECT EXISTS (SELECT FROM flat_file WHERE url = %(key)s OR thumbnail_url = %(key)s)
                    OR EXISTS (SELECT FROM output WHERE status <> 'hidden' AND substring(url FROM {KEY}) = %(key)s)
                    OR EXISTS (SELECT FROM output
                               WHERE status <> 'hidden' AND substring(thumbnail_url FROM {KEY}) = %(key)s)
                """,
                {"key": key},
            )
        )
