"""SQL that appends to the audit log, extends its chain, and removes what is older than entries are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emprops.audit.chain import Entry, Link
from emprops.kit.database import Transaction

COLUMNS = "id, at, actor, action, target, user_id, details, request_id, position, previous, hash"


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is appended."""

    actor: str
    action: str
    target: str
    user_id: UUID | None
    details: dict[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain."""

    position: int
    hash: bytes


async def append(tx: Transaction, entry: NewEntry) -> None:
    """Append an entry, not chained yet."""
    await tx.execute(
        """
        INSERT INTO audit_entry (actor, action, target, user_id, details, request_id)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (entry.actor, entry.action, entry.target, entry.user_id, Jsonb(entry.details), entry.request_id),
    )


async def append_daily(tx: Transaction, entry: NewEntry) -> bool:
    """Append an entry unless this actor did the same to the same target today (UTC). Requests at the same moment may
    both append."""
    return (
        await tx.execute(
            """
            INSERT INTO audit_entry (actor, action, target, user_id, details, request_id)
            SELECT %(actor)s, %(action)s, %(target)s, %(user_id)s, %(details)s, %(request_id)s
            WHERE NOT EXISTS (
                SELECT FROM audit_entry
                WHERE actor = %(actor)s AND action = %(action)s AND target = %(target)s
                  AND user_id IS NOT DISTINCT FROM %(user_id)s
                  AND at >= date_trunc('day', now(), 'UTC')
            )
            """,
            {
                "actor": entry.actor,
                "action": entry.action,
                "target": entry.target,
                "user_id": entry.user_id,
                "details": Jsonb(entry.details),
                "request_id": entry.request_id,
            },
        )
        == 1
    )


async def lock_head(tx: Transaction) -> Head | None:
    """Return the end of the chain, so that nobody else extends it; None while somebody does."""
    return await tx.fetch_one(Head, "SELECT position, hash FROM audit_head FOR UPDATE SKIP LOCKED")


async def unchained(tx: Transaction, limit: int) -> list[Entry]:
    """Return entries that are not in the chain yet, in the order of their ids."""
    return await tx.fetch_all(
        Entry, f"SELECT {COLUMNS} FROM audit_entry WHERE position IS NULL ORDER BY id LIMIT %s", (limit,)
    )


async def join(tx: Transaction, links: list[Link]) -> None:
    """Put entries into the chain and move its end."""
    await tx.execute(
        """
        UPDATE audit_entry SET position = link.position, previous = link.previous, hash = link.hash
        FROM unnest(%(ids)s::bigint[], %(positions)s::bigint[], %(previous)s::bytea[], %(hashes)s::bytea[])
             AS link (id, position, previous, hash)
        WHERE audit_entry.id = link.id
        """,
        {
            "ids": [link.id for link in links],
            "positions": [link.position for link in links],
            "previous": [link.previous for link in links],
            "hashes": [link.hash for link in links],
        },
    )
    await tx.execute("UPDATE audit_head SET position = %s, hash = %s", (links[-1].position, links[-1].hash))


async def days_ago(reader: Transaction, days: float) -> datetime:
    """Return the time so many days ago."""
    time: datetime = await reader.fetch_value("SELECT now() - %s * interval '1 day'", (days,))
    return time


async def expired(tx: Transaction, than: datetime, *, before: int, limit: int) -> Entry | None:
    """Return the last entry that is old enough to go, of the first in the chain, so that what stays has no gap."""
    return await tx.fetch_one(
        Entry,
        f"""
        WITH first AS MATERIALIZED (
            SELECT {COLUMNS} FROM audit_entry WHERE position < %(before)s ORDER BY position LIMIT %(limit)s
        )
        SELECT * FROM first
        WHERE position < coalesce(
            (SELECT min(position) FROM first WHERE at >= %(than)s), %(before)s)
        ORDER BY position DESC LIMIT 1
        """,
        {"than": than, "before": before, "limit": limit},
    )


async def remove_through(tx: Transaction, position: int) -> int:
    """Remove the front of the chain. Returns how many entries."""
    await tx.execute("SELECT set_config('emprops.audit_retention', 'on', true)")
    removed = await tx.execute("DELETE FROM audit_entry WHERE position <= %s", (position,))
    await tx.execute("SELECT set_config('emprops.audit_retention', '', true)")
    return removed
