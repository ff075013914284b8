"""What must happen elsewhere because a transaction committed: written in that transaction, delivered afterwards.

A row is delivered at least once, by any process, so what it does must bear repetition. A process that takes a row moves
its ``next_at`` past the lease first and holds no transaction while it works: a process that dies in between delays the
row, nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from emprops.kit.database import Database, Transaction
from emprops.kit.text import storable

log = structlog.get_logger(__name__)

MINUTE, HOUR = 60.0, 3600.0
DELAYS = (5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR)
"""Seconds after each failed attempt; after one more attempt the row is given up."""
LEASE = 120.0
"""Longest delivery, in seconds."""
BATCH = 10
KEEP_DAYS = 30
MAX_ERROR = 500


class UndeliverableError(Exception):
    """Raised by a handler when another attempt would end the same way; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that is being delivered. ``attempts`` counts this one."""

    id: int
    kind: str
    key: str
    payload: Any
    attempts: int


@dataclass(frozen=True, slots=True)
class Handler:
    """How rows of one kind are delivered. Whatever ``deliver`` raises means: try again later."""

    deliver: Callable[[Entry], Awaitable[None]]
    delays: tuple[float, ...] = DELAYS
    lease: float = LEASE


Handlers = Mapping[str, Handler]


async def put(tx: Transaction, kind: str, key: str, payload: Mapping[str, Any], *, after: float = 0.0) -> bool:
    """Have something delivered after the commit, and after so many seconds. ``key`` must name the effect over all
    kinds, such as ``mux_create:17``; False: it was put before, which stays as it is."""
    return (
        await tx.execute(
            """
            INSERT INTO outbox (kind, key, payload, next_at) VALUES (%s, %s, %s, now() + make_interval(secs => %s))
            ON CONFLICT (key) DO NOTHING
            """,
            (kind, key, Jsonb(dict(payload)), after),
        )
        == 1
    )


async def deliver_due(database: Database, handlers: Handlers) -> int:
    """Deliver all rows that are due and have a handler here. Returns how many attempts were made."""
    attempts = 0
    while True:
        taken = await _take(database, handlers)
        await asyncio.gather(*(_deliver(database, handlers[entry.kind], entry) for entry in taken))
        attempts += len(taken)
        if len(taken) < BATCH:
            return attempts


async def _take(database: Database, handlers: Handlers) -> list[Entry]:
    async with database.reader() as connection:
        return await connection.fetch_all(
            Entry,
            """
            UPDATE outbox SET attempts = attempts + 1, next_at = now() + due.lease * interval '1 second'
            FROM (
                SELECT o.id, handler.lease FROM outbox o
                JOIN unnest(%(kinds)s::text[], %(leases)s::float8[]) AS handler (kind, lease) ON handler.kind = o.kind
                WHERE o.done_at IS NULL AND o.given_up_at IS NULL AND o.next_at <= now()
                ORDER BY o.next_at, o.id LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
            ) due
            WHERE outbox.id = due.id
            RETURNING outbox.id, kind, key, payload, attempts
            """,
            {
                "kinds": list(handlers),
                "leases": [handler.lease for handler in handlers.values()],
                "limit": BATCH,
            },
        )


async def _deliver(database: Database, handler: Handler, entry: Entry) -> None:
    try:
        async with asyncio.timeout(handler.lease):
            await handler.deliver(entry)
    except UndeliverableError as error:
        await _failed(database, entry, str(error), None)
    except Exception as error:
        delay = handler.delays[entry.attempts - 1] if entry.attempts <= len(handler.delays) else None
        await _failed(database, entry, f"{type(error).__name__}: {error}", delay)
    else:
        # not only the row as it was taken: when it took longer than its lease, it is done all the same
        async with database.reader() as connection:
            await connection.execute(
                "UPDATE outbox SET done_at = now(), given_up_at = NULL, error = NULL WHERE id = %s AND done_at IS NULL",
                (entry.id,),
            )


async def _failed(database: Database, entry: Entry, error: str, delay: float | None) -> None:
    """Note a failed attempt; ``delay`` None gives the row up. A process that took the row meanwhile keeps it."""
    given_up, error = delay is None, storable(error)
    write = log.error if given_up else log.warning
    write("outbox delivery failed", kind=entry.kind, key=entry.key, attempt=entry.attempts, error=error, tries=delay)
    async with database.reader() as connection:
        await connection.execute(
            """
            UPDATE outbox SET error = %(error)s, given_up_at = CASE WHEN %(given_up)s THEN now() END,
                   next_at = now() + coalesce(%(delay)s::float8, 0) * interval '1 second'
            WHERE id = %(id)s AND attempts = %(attempts)s AND done_at IS NULL
            """,
            {
                "id": entry.id,
                "attempts": entry.attempts,
                "error": error.replace("\x00", "")[:MAX_ERROR],
                "given_up": given_up,
                "delay": delay,
            },
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows of one kind. ``oldest``: seconds since the first of them was put."""

    kind: str
    rows: int
    oldest: float


async def backlog(reader: Transaction) -> list[Backlog]:
    """Count what is to be delivered, by kind: of the 10,000 rows that are due first."""
    return await reader.fetch_all(
        Backlog,
        """
        SELECT kind, count(*) AS rows, extract(epoch FROM now() - min(created_at))::float8 AS oldest
        FROM (SELECT kind, created_at FROM outbox WHERE done_at IS NULL AND given_up_at IS NULL
              ORDER BY next_at, id LIMIT 10000) first
        GROUP BY kind ORDER BY kind
        """,
    )


async def given_up(reader: Transaction) -> list[Backlog]:
    """Count what was given up and is not purged yet, by kind."""
    return await reader.fetch_all(
        Backlog,
        """
        SELECT kind, count(*) AS rows, extract(epoch FROM now() - min(created_at))::float8 AS oldest
        FROM outbox WHERE given_up_at IS NOT NULL GROUP BY kind ORDER BY kind
        """,
    )


async def purge(database: Database, *, days: float = KEEP_DAYS) -> int:
    """Forget rows that ended long ago. Returns how many."""
    async with database.reader() as connection:
        return await connection.execute(
            "DELETE FROM outbox WHERE (done_at IS NOT NULL OR given_up_at IS NOT NULL)"
            " AND coalesce(done_at, given_up_at) < now() - %s * interval '1 day'",
            (days,),
        )
