"""SQL of results whose time is over."""

from datetime import datetime
from uuid import UUID

from emprops.kit.database import Transaction
from emprops.media.retention_store import TAKING


async def set_usual_days(tx: Transaction, days: float) -> None:
    """Say for how many days results are kept from now on, of whom nobody said otherwise; 0: for good."""
    await tx.execute(
        """
        INSERT INTO usual_result_days (days) VALUES (%s)
        ON CONFLICT (only_row) DO UPDATE SET days = excluded.days WHERE usual_result_days.days <> excluded.days
        """,
        (days,),
    )


async def lock_expired(tx: Transaction, *, after: tuple[datetime, UUID], limit: int) -> list[tuple[datetime, UUID]]:
    """Lock completed outputs whose time is over, in the order in which it was, without waiting for anybody; returns
    when it was, and their ids."""
    rows = await tx.fetch_dicts(
        """
        SELECT expires_at, id FROM output
        WHERE status = 'completed' AND expires_at <= now() AND (expires_at, id) > (%s, %s)
        ORDER BY expires_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
        """,
        (*after, limit),
    )
    return [(row["expires_at"], row["id"]) for row in rows]


async def unused(tx: Transaction, output_ids: list[UUID]) -> list[UUID]:
    """Return those of these locked outputs that nothing uses: no published deck, no cover, no open step or development,
    no job that takes them and is open or may be retried, no other output or job that shows their file, and no
    collection."""
    return await tx.fetch_values(
        f"""
        SELECT o.id FROM output o LEFT JOIN flat_file f ON f.id = o.flat_file_id
        WHERE o.id = ANY(%s)
          AND NOT EXISTS (SELECT FROM deck d WHERE d.id = o.deck_id AND d.status = 'published')
          AND NOT EXISTS (SELECT FROM output made WHERE made.source_output_id = o.id
                          AND made.status IN ('pending', 'processing'))
          AND NOT EXISTS (SELECT FROM step s WHERE s.status IN ('pending', 'processing')
                          AND s.input_data IS NOT NULL AND strpos(s.input_data::text, coalesce(f.url, o.url)) > 0)
          AND NOT EXISTS (SELECT FROM job j WHERE j.user_id = o.user_id AND {TAKING}
                          AND strpos(j.data::text, coalesce(f.url, o.url)) > 0)
          AND NOT EXISTS (SELECT FROM job j WHERE j.id = o.job_id AND j.status IN ('pending', 'processing'))
          AND NOT EXISTS (SELECT FROM collection c WHERE coalesce(f.url, o.url) IN (
                              substring(c.cover_image_url FROM '/files/([^?#]+)'),
                              substring(c.miniapp_cover_image FROM '/files/([^?#]+)'), c.cover_image_url))
        ORDER BY o.id
        """,
        (output_ids,),
    )
