"""SQL of retention: which files are hidden, which are in use, and removing their rows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emprops.kit.database import Database, Transaction

KEY = "'/files/([^?#]+)'"
"""What in a URL is a stored file's key; the indexes are on the same expression."""

FAILED_DAYS = 7
"""Days for which a job that failed, and may be retried, keeps what it takes."""
TAKING = f"""
    (j.status IN ('pending', 'processing') OR (
        j.status = 'failed' AND j.retry_count < j.max_retries
        AND j.completed_at > now() - interval '{FAILED_DAYS} days'))
"""
"""Whether a job ``j`` needs what it was started with: it is open, or may be retried."""

_OVER = "(o.status = 'hidden' AND (o.updated_at < %(before)s OR o.expires_at <= now()))"
"""Whether an output needs its file no longer: it was hidden long ago, or its time is over."""
_USED = f"""
    EXISTS (SELECT FROM output o WHERE o.flat_file_id = f.id AND NOT coalesce({_OVER}, false))
 OR EXISTS (SELECT FROM output o WHERE substring(o.url FROM {KEY}) = f.url AND NOT coalesce({_OVER}, false))
 OR EXISTS (SELECT FROM output o WHERE substring(o.thumbnail_url FROM {KEY}) = f.url AND NOT coalesce({_OVER}, false))
 OR EXISTS (SELECT FROM deck d JOIN output o ON o.id = d.cover_output_id
            WHERE o.flat_file_id = f.id OR substring(o.url FROM {KEY}) = f.url)
 OR EXISTS (SELECT FROM job j WHERE j.id = f.job_id AND j.status <> 'completed')
 OR EXISTS (SELECT FROM job j WHERE substring(j.workflow_output FROM {KEY}) = f.url
            AND j.id IS DISTINCT FROM f.job_id)
 OR EXISTS (SELECT FROM output o JOIN output made ON made.source_output_id = o.id
            WHERE o.flat_file_id = f.id AND made.status IN ('pending', 'processing'))
 OR EXISTS (SELECT FROM step s WHERE s.status IN ('pending', 'processing') AND s.input_data IS NOT NULL
            AND strpos(s.input_data::text, f.url) > 0)
 OR EXISTS (SELECT FROM output o JOIN job j ON j.user_id = o.user_id
            WHERE o.flat_file_id = f.id AND {TAKING} AND strpos(j.data::text, f.url) > 0)
 OR EXISTS (SELECT FROM flat_file g WHERE g.thumbnail_url = f.url AND g.id <> f.id)
 OR EXISTS (SELECT FROM collection c
            WHERE f.url IN (substring(c.cover_image_url FROM {KEY}),
                            substring(c.miniapp_cover_image FROM {KEY})))
"""


@dataclass(frozen=True, slots=True)
class UnusedFile:
    """A file that nothing uses."""

    id: int
    url: str
    thumbnail_url: str | None
    mux_asset_id: str | None


async def lock_hidden(tx: Transaction, days: float, *, after: int, limit: int) -> list[int]:
    """Lock outputs hidden for long enough, or whose time is over, without waiting for anybody; returns their files.
    What somebody else holds is left for the next time. ``days`` 0: only the latter."""
    return await tx.fetch_values(
        f"""
        SELECT flat_file_id FROM output o WHERE flat_file_id > %(after)s AND {_OVER}
        ORDER BY flat_file_id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
        """,
        {"after": after, "before": await _before(tx, days), "limit": limit},
    )


async def _before(tx: Transaction, days: float) -> datetime | str:
    """Return when an output must have been hidden at the latest; 0 days: none is hidden for long enough."""
    return await tx.fetch_value("SELECT now() - %s * interval '1 day'", (days,)) if days else "-infinity"


async def lock_files(tx: Transaction, file_ids: list[int]) -> list[int]:
    """Lock files so that a request that wants to show one waits until it is known whether it stays."""
    return await tx.fetch_values(
        "SELECT id FROM flat_file WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED", (file_ids,)
    )


async def hold(tx: Transaction, user_id: UUID, keys: Collection[str]) -> None:
    """Have a user's outputs that show these files stay as they are until the transaction ends."""
    await tx.execute(
        f"SELECT FROM output WHERE user_id = %s AND substring(url FROM {KEY}) = ANY(%s) ORDER BY id FOR SHARE",
        (user_id, sorted(keys)),
    )


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


async def remove_unused(tx: Transaction, file_ids: list[int], days: float) -> list[UnusedFile]:
    """Remove the rows of those locked files that nothing uses. A statement of its own, to see what was there at the
    lock. Returns what was removed."""
    if not file_ids:
        return []
    before = await _before(tx, days)
    unused = await tx.fetch_all(
        UnusedFile,
        f"SELECT id, url, thumbnail_url, mux_asset_id FROM flat_file f WHERE id = ANY(%(ids)s) AND NOT ({_USED})",
        {"ids": file_ids, "before": before},
    )
    ids = [file.id for file in unused]
    await tx.execute(
        "UPDATE output SET flat_file_id = NULL, url = NULL, thumbnail_url = NULL WHERE flat_file_id = ANY(%s)", (ids,)
    )
    await tx.execute("DELETE FROM flat_file WHERE id = ANY(%s)", (ids,))
    return unused
