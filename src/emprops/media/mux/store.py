"""SQL of Mux: which file an asset is of, its events, and assets that are being waited for."""

from collections.abc import Sequence
from dataclasses import dataclass

from emprops.kit.database import Transaction


@dataclass(frozen=True, slots=True)
class MuxFile:
    """A stored file, as far as Mux is concerned."""

    id: int
    url: str
    mime_type: str
    mux_asset_id: str | None
    mux_playback_id: str | None


async def file_of(reader: Transaction, file_id: int) -> MuxFile | None:
    """Return a stored file."""
    return await reader.fetch_one(
        MuxFile, "SELECT id, url, mime_type, mux_asset_id, mux_playback_id FROM flat_file WHERE id = %s", (file_id,)
    )


async def lock_file(tx: Transaction, asset_id: str, file_id: int | None) -> MuxFile | None:
    """Lock the file that has this asset, else the one with this id."""
    return await tx.fetch_one(
        MuxFile,
        """
        SELECT id, url, mime_type, mux_asset_id, mux_playback_id FROM flat_file WHERE mux_asset_id = %s OR id = %s
        ORDER BY mux_asset_id IS NOT DISTINCT FROM %s DESC LIMIT 1 FOR NO KEY UPDATE
        """,
        (asset_id, file_id, asset_id),
    )


async def claim_asset(tx: Transaction, file_id: int, asset_id: str) -> bool:
    """Note the asset of a file. False if it has another one."""
    return bool(
        await tx.execute(
            """
            UPDATE flat_file SET mux_asset_id = %(asset_id)s, updated_at = now()
            WHERE id = %(id)s AND (mux_asset_id IS NULL OR mux_asset_id = %(asset_id)s)
            """,
            {"id": file_id, "asset_id": asset_id},
        )
    )


async def set_asset(tx: Transaction, file_id: int, asset_id: str, playback_id: str | None) -> None:
    """Set a file's asset and how it is played."""
    await tx.execute(
        "UPDATE flat_file SET mux_asset_id = %s, mux_playback_id = %s, updated_at = now() WHERE id = %s",
        (asset_id, playback_id, file_id),
    )


async def insert_event(tx: Transaction, event_id: str, kind: str, asset_id: str) -> bool:
    """Note an event. False if it is known already."""
    return bool(
        await tx.execute(
            "INSERT INTO mux_event (event_id, type, asset_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (event_id, kind, asset_id),
        )
    )


async def has_event(tx: Transaction, asset_id: str, kind: str) -> bool:
    """Return whether an event of this type is known of an asset."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM mux_event WHERE asset_id = %s AND type = %s)", (asset_id, kind)
        )
    )


@dataclass(frozen=True, slots=True)
class WaitingAsset:
    """A file whose asset is not ready yet."""

    id: int
    mux_asset_id: str


async def take_waiting(
    tx: Transaction, *, days: float, first: float, ends: Sequence[str], limit: int
) -> list[WaitingAsset]:
    """Take files whose turn has come; touching them keeps other processes away and doubles the wait. ``first`` is the
    first wait in seconds, ``ends`` the events after which there is nothing to wait for."""
    return await tx.fetch_all(
        WaitingAsset,
        """
        UPDATE flat_file SET updated_at = now() WHERE id IN (
            SELECT f.id FROM flat_file f
            WHERE mux_asset_id IS NOT NULL AND mux_playback_id IS NULL
                  AND created_at > now() - %(days)s * interval '1 day'
                  AND updated_at + greatest(%(first)s * interval '1 second', updated_at - created_at) < now()
                  AND NOT EXISTS (SELECT FROM mux_event e
                                  WHERE e.asset_id = f.mux_asset_id AND e.type = ANY(%(ends)s))
            ORDER BY updated_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING id, mux_asset_id
        """,
        {"days": days, "first": first, "ends": list(ends), "limit": limit},
    )


async def purge_events(tx: Transaction, *, ends: Sequence[str], days: float = 30) -> int:
    """Remove old events, except the ends of assets that a file still names. Returns how many."""
    return await tx.execute(
        """
        DELETE FROM mux_event e WHERE received_at < now() - %s * interval '1 day'
        AND NOT (type = ANY(%s) AND EXISTS (SELECT FROM flat_file WHERE mux_asset_id = e.asset_id))
        """,
        (days, list(ends)),
    )
