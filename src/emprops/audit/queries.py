"""SQL that reads the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emprops.audit.chain import Entry
from emprops.audit.store import COLUMNS, Head
from emprops.kit.database import Transaction

SETTLED = 10
"""Minutes after which no transaction is open any more that could still bring an entry with a lower id."""

PART = 100_000
"""Entries that one statement looks at, so that none runs into the statement timeout."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for."""

    actor: str | None = None
    """Also what a key did as a user."""
    action: str | None = None
    """An action, or how it begins: ``key.``"""
    target: str | None = None
    user_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids without an entry."""

    first: int
    last: int


async def newest(reader: Transaction, filters: Filters, *, limit: int, offset: int = 0) -> list[Entry]:
    """Return entries, newest first."""
    where, values = _condition(filters)
    return await reader.fetch_all(
        Entry,
        f"SELECT {COLUMNS} FROM audit_entry WHERE {where} ORDER BY id DESC LIMIT %(limit)s OFFSET %(offset)s",
        {**values, "limit": limit, "offset": offset},
    )


async def oldest(reader: Transaction, filters: Filters, *, after: int, limit: int) -> list[Entry]:
    """Return entries of the chain behind a position, in its order."""
    where, values = _condition(filters)
    return await reader.fetch_all(
        Entry,
        f"SELECT {COLUMNS} FROM audit_entry WHERE position > %(after)s AND {where} ORDER BY position LIMIT %(limit)s",
        {**values, "after": after, "limit": limit},
    )


async def along_the_chain(reader: Transaction, *, after: int, limit: int) -> list[Entry]:
    """Return the entries of the chain behind a position, in its order."""
    return await oldest(reader, Filters(), after=after, limit=limit)


async def head(reader: Transaction) -> Head | None:
    """Return the end of the chain."""
    return await reader.fetch_one(Head, "SELECT position, hash FROM audit_head")


async def hold_head(tx: Transaction) -> Head | None:
    """Return the end of the chain, which stays where it is as long as this transaction is open."""
    return await tx.fetch_one(Head, "SELECT position, hash FROM audit_head FOR SHARE")


async def count_unchained(reader: Transaction) -> int:
    """Count the entries that are not in the chain yet."""
    return int(await reader.fetch_value("SELECT count(*) FROM audit_entry WHERE position IS NULL"))


async def gaps(reader: Transaction, limit: int) -> list[Gap]:
    """Return ids between the first and the last entry that no entry has, nor can have any more."""
    found: list[Gap] = []
    after = await reader.fetch_value("SELECT min(id) FROM audit_entry")
    while after is not None and len(found) < limit:
        last = await reader.fetch_value(
            "SELECT max(id) FROM (SELECT id FROM audit_entry WHERE id > %s ORDER BY id LIMIT %s) part", (after, PART)
        )
        if last is not None:
            found += await _gaps_between(reader, after, last, limit - len(found))
        after = last
    return found


async def _gaps_between(reader: Transaction, after: int, last: int, limit: int) -> list[Gap]:
    return await reader.fetch_all(
        Gap,
        """
        SELECT before + 1 AS first, id - 1 AS last
        FROM (SELECT id, at, lag(id) OVER (ORDER BY id) AS before
              FROM audit_entry WHERE id BETWEEN %(after)s AND %(last)s) entry
        WHERE id > before + 1 AND at < now() - %(settled)s * interval '1 minute'
        ORDER BY id LIMIT %(limit)s
        """,
        {"after": after, "last": last, "settled": SETTLED, "limit": limit},
    )


def _condition(filters: Filters) -> tuple[str, dict[str, Any]]:
    parts = {
        "(actor = %(actor)s OR actor LIKE %(actor_as)s)": filters.actor,
        "action LIKE %(action)s": filters.action,
        "target = %(target)s": filters.target,
        "user_id = %(user_id)s": filters.user_id,
        "at >= %(since)s": filters.since,
        "at < %(until)s": filters.until,
    }
    values = {
        "actor": filters.actor,
        "actor_as": _like(filters.actor or "") + " as %",
        "action": _like(filters.action or "") + ("%" if (filters.action or "").endswith(".") else ""),
        "target": filters.target,
        "user_id": filters.user_id,
        "since": filters.since,
        "until": filters.until,
    }
    return " AND ".join(part for part, value in parts.items() if value is not None) or "true", values


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
