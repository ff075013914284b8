"""PostgreSQL: one pool, one kind of transaction, rows into frozen dataclasses, plain SQL.

Connections are in autocommit mode. A unit of work that writes opens an explicit transaction, which ends when its
``async with`` block does; nobody calls commit. A single read needs no transaction and pays one round trip.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row, scalar_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from emprops.settings import Settings

Row = TypeVar("Row")
Parameters = Mapping[str, Any] | Sequence[Any] | None

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


class Transaction:
    """A connection in use: by a transaction (writes) or by a plain read."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    async def fetch_one(self, shape: type[Row], sql: str, parameters: Parameters = None) -> Row | None:
        """Run a statement and return its first row as ``shape``, or None."""
        async with self.connection.cursor(row_factory=class_row(shape)) as cursor:
            await cursor.execute(cast("Any", sql), parameters)
            return await cursor.fetchone()

    async def fetch_all(self, shape: type[Row], sql: str, parameters: Parameters = None) -> list[Row]:
        """Run a statement and return all its rows as ``shape``."""
        async with self.connection.cursor(row_factory=class_row(shape)) as cursor:
            await cursor.execute(cast("Any", sql), parameters)
            return await cursor.fetchall()

    async def fetch_dicts(self, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
        """Run a statement and return its rows as dictionaries."""
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(cast("Any", sql), parameters)
            return await cursor.fetchall()

    async def fetch_value(self, sql: str, parameters: Parameters = None) -> Any:
        """Run a statement and return the first column of its first row, or None."""
        async with self.connection.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(cast("Any", sql), parameters)
            return await cursor.fetchone()

    async def fetch_values(self, sql: str, parameters: Parameters = None) -> list[Any]:
        """Run a statement and return the first column of all its rows."""
        async with self.connection.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(cast("Any", sql), parameters)
            return await cursor.fetchall()

    async def execute(self, sql: str, parameters: Parameters = None) -> int:
        """Run a statement and return how many rows it touched."""
        cursor = await self.connection.execute(cast("Any", sql), parameters)
        return cursor.rowcount

    async def execute_many(self, sql: str, parameters: Sequence[Parameters]) -> None:
        """Run one statement for many parameter sets, in one pipelined exchange."""
        if parameters:
            async with self.connection.cursor() as cursor:
                await cursor.executemany(cast("Any", sql), cast("Any", parameters))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Remember a non-blocking action for when the transaction has committed; a rollback forgets it."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Run what was remembered. Called by :class:`Database` only."""
        for action in self._after_commit:
            action()


class Database:
    """The process's connection pool."""

    def __init__(self, url: str, *, size: int = 10, statement_timeout: float = 10.0, lock_timeout: float = 3.0) -> None:
        options = (
            f"-c statement_timeout={int(statement_timeout * 1000)} -c lock_timeout={int(lock_timeout * 1000)}"
            " -c idle_in_transaction_session_timeout=15000 -c timezone=UTC -c jit=off"
        )
        self.pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            timeout=5.0,
            # After an outage the next request connects at once: left to itself, the pool would try again at ever
            # longer intervals, up to minutes after PostgreSQL is back.
            reconnect_timeout=3.0,
            open=False,
            kwargs={"autocommit": True, "options": options, "application_name": "emprops"},
        )

    async def open(self) -> None:
        """Open the pool and wait for its first connection. Raises ``psycopg_pool.PoolTimeout`` if there is none."""
        await self.pool.open(wait=True, timeout=10.0)

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction; it commits when the block ends and rolls back when it raises."""
        async with self._connection() as connection:
            tx = Transaction(connection)
            async with connection.transaction():
                yield tx
        tx.committed()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Transaction]:
        """Lend a connection for reads: each statement stands for itself."""
        async with self._connection() as connection:
            yield Transaction(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection; a cancellation of the task that waits for one is not lost.

        Until Python 3.12 the ``wait_for`` in the pool drops it if the connection comes at the same moment. A time-out
        around the wait would then be lost, and a task be stopped only by being cancelled again (``kit/tasks.py``).
        """
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        async with self.pool.connection() as connection:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError
            yield connection


def database_from(settings: Settings) -> Database:
    """Make the pool that the settings ask for; nothing is opened yet."""
    return Database(
        settings.database_url,
        size=settings.database_pool_size,
        statement_timeout=settings.statement_timeout,
        lock_timeout=settings.lock_timeout,
    )


UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors that mean PostgreSQL is away or refuses work just now, not that the statement is wrong."""
