"""PostgreSQL: one pool, one kind of transaction, rows into frozen dataclasses, plain SQL.

Connections are in autocommit mode. A unit of work that writes opens an explicit transaction, which ends when its
``async with`` block does; nobody calls commit. A single read needs no transaction and pays one round trip.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from operator import itemgetter
from typing import Any, Final, TypeVar

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from emprops.kit.connections import Connection, LastFirst
from emprops.kit.conninfo import conninfo
from emprops.kit.outage import Outage
from emprops.kit.placeholders import Parameters
from emprops.kit.statements import Look
from emprops.kit.uuid_lists import UuidListDumper
from emprops.settings import Settings

Row = TypeVar("Row")

BY_KEY: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
"""For statements that find their rows by keys: the plan of each is kept. PostgreSQL would plan them anew at each use,
as a plan for one key looks cheaper than one for any number; that took a third of its time. What is kept must be no
scan, though it may be made when the table is empty. So an update from a list also says ``id = ANY (...)``."""
KEYS: Final = "ANY((SELECT %s::uuid[])::uuid[])"
"""The same for a statement outside such transactions: ``id = {KEYS}``. How long the list is cannot be seen when it is
planned, so a plan for these keys looks no cheaper than one for any."""

_CONSEQUENCES: Final = (psycopg.errors.PipelineAborted, psycopg.errors.InFailedSqlTransaction)
"""Errors of statements that had no effect because of another one's error."""

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)
psycopg.adapters.register_dumper(list, UuidListDumper)


class Transaction:
    """A connection in use: by a transaction (writes) or by a plain read."""

    def __init__(self, connection: Connection, *, whole: bool = True) -> None:
        self.connection = connection
        self.whole = whole
        """Whether its statements are one transaction."""
        self._statements = connection.statements
        self._after_commit: list[Callable[[], None]] = []
        self.looks: list[Look] = []
        """What is read in the round trip of COMMIT."""

    async def fetch_one(self, shape: type[Row], sql: str, parameters: Parameters = None) -> Row | None:
        """Run a statement and return its first row as ``shape``, or None."""
        return next(iter(await self.fetch_all(shape, sql, parameters)), None)

    async def fetch_all(self, shape: type[Row], sql: str, parameters: Parameters = None) -> list[Row]:
        """Run a statement and return all its rows as ``shape``."""
        return (await self._statements.run(sql, parameters)).named(shape)

    async def fetch_dicts(self, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
        """Run a statement and return its rows as dictionaries."""
        return (await self._statements.run(sql, parameters)).dicts()

    async def fetch_value(self, sql: str, parameters: Parameters = None) -> Any:
        """Run a statement and return the first column of its first row, or None."""
        return next(iter(await self.fetch_values(sql, parameters)), None)

    async def fetch_values(self, sql: str, parameters: Parameters = None) -> list[Any]:
        """Run a statement and return the first column of all its rows."""
        return (await self._statements.run(sql, parameters)).rows(itemgetter(0))

    async def execute(self, sql: str, parameters: Parameters = None) -> int:
        """Run a statement and return how many rows it touched."""
        return (await self._statements.run(sql, parameters)).touched

    async def execute_later(self, sql: str, parameters: Parameters = None) -> None:
        """Run a statement together with the next one, or with the end of the transaction; its error is raised there."""
        if self.whole:
            self._statements.later(sql, parameters)
        else:
            await self.execute(sql, parameters)

    async def together(self, *parts: Awaitable[Any]) -> tuple[Any, ...]:
        """Run coroutines that use this transaction at once, so that their statements share round trips; returns what
        they return. Their first statements are run in their order. Raises what one of them raises, once all have ended.
        """
        with self._statements.together():
            found = await asyncio.gather(*parts, return_exceptions=True)
        errors = [one for one in found if isinstance(one, BaseException)]
        if errors:
            raise min(errors, key=lambda error: isinstance(error, _CONSEQUENCES))
        return tuple(found)

    def with_commit(self, look: Look) -> None:
        """Have something read as it is once the transaction has committed, by one statement that goes with COMMIT. A
        rollback forgets it, and it may fail: whatever depends on it must come about in another way then."""
        self.looks.append(look)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Remember a non-blocking action for when the transaction has committed; a rollback forgets it."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Run what was remembered. Called by :class:`Database` only."""
        for action in self._after_commit:
            action()


class Database:
    """The process's connection pool.

    It also works behind a pooler in transaction mode, where nothing of a session outlives a transaction: settings are
    then made in each transaction, reads have one too, and nothing is prepared on the server.
    """

    def __init__(self, url: str, *, size: int = 10, statement_timeout: float = 10.0, lock_timeout: float = 3.0) -> None:
        self.conninfo = conninfo(url)
        self.pool = AsyncConnectionPool(
            self.conninfo,
            connection_class=Connection,
            configure=self._configure,
            min_size=1,
            max_size=size,
            timeout=5.0,
            # After an outage the next request connects at once: left to itself, the pool would try again at ever
            # longer intervals, up to minutes after PostgreSQL is back.
            reconnect_timeout=3.0,
            open=False,
            # psycopg itself prepares nothing: after a rollback it would drop what we keep together with its own
            kwargs={"autocommit": True, "application_name": "emprops", "prepare_threshold": None},
        )
        self.pool._pool = LastFirst()
        self._settings = {
            "statement_timeout": f"{int(statement_timeout * 1000)}",
            "lock_timeout": f"{int(lock_timeout * 1000)}",
            "idle_in_transaction_session_timeout": "15000",
            "timezone": "UTC",
            "jit": "off",
        }
        self.outage = Outage("database")
        """For tasks that go on without it, to say so in the log once."""
        self._lost_at = 0.0
        """When a connection last turned out to be broken while it was used."""

    async def open(self) -> None:
        """Open the pool and wait for its first connection. Raises ``psycopg.OperationalError`` if there is none."""
        await (await AsyncConnection.connect(self.conninfo)).close()  # the pool would not say what is wrong
        await self.pool.open(wait=True, timeout=10.0)

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    @asynccontextmanager
    async def transaction(
        self, *, lock_timeout: float | None = None, by_key: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open a transaction; it commits when the block ends and rolls back when it raises.

        ``lock_timeout``: how many seconds it waits for a lock, if not as long as everybody. ``by_key``: its statements
        look rows up by keys, so each connection plans each of them once (:data:`BY_KEY`).
        """
        settings = BY_KEY if by_key else {}
        if lock_timeout is not None:
            settings = settings | {"lock_timeout": f"{int(lock_timeout * 1000)}"}
        async with self._connection() as connection:
            tx = Transaction(connection)
            async with self._begun(connection, settings, tx.looks):
                yield tx
        tx.committed()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Transaction]:
        """Lend a connection for reads: each statement stands for itself."""
        async with (
            self._connection() as connection,
            self._begun(connection, {}) if connection.behind_pooler else nullcontext(),
        ):
            yield Transaction(connection, whole=connection.behind_pooler)

    @asynccontextmanager
    async def _begun(
        self, connection: Connection, settings: Mapping[str, str], looks: Sequence[Look] = ()
    ) -> AsyncIterator[None]:
        """Open a transaction with these settings; behind a pooler with ours, too.

        A pooler without PostgreSQL, or without a free session, answers nothing for up to two minutes: that is too long.
        """
        if connection.behind_pooler:
            settings = {**self._settings, **settings}
        statements = connection.statements
        begin = ["BEGIN", *(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())]
        try:
            if connection.behind_pooler:
                async with _within(self.pool.timeout):
                    await statements.run("; ".join(begin))
            else:
                statements.begin(begin)
            yield
            if connection.info.transaction_status == TransactionStatus.INERROR:
                raise psycopg.errors.InFailedSqlTransaction("an error was caught, so COMMIT would store nothing")
            await statements.commit(looks)
        except BaseException:
            statements.forget()
            with suppress(psycopg.Error):  # a connection that is lost has rolled back
                await connection.rollback()
            raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """Lend a connection that works; a cancellation of the task that waits for one is not lost.

        Until Python 3.12 the ``wait_for`` in the pool drops it if the connection comes at the same moment. A time-out
        around the wait would then be lost, and a task be stopped only by being cancelled again (``kit/tasks.py``).
        """
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        connection = await self._working_one()
        try:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError
            async with connection:
                yield connection
        finally:
            if connection.closed:
                self._lost_at = time.monotonic()
            await self.pool.putconn(connection)

    async def _working_one(self) -> Connection:
        """Take a connection from the pool, past those that died there, so that a restart of PostgreSQL fails no more
        than what is under way.

        The pool's own ``check`` pauses for a second and more after each dead one, and loses what it holds if it is
        cancelled; a check of each connection at each use would cost a round trip.
        """
        while True:
            connection = await self.pool.getconn()
            alive = False
            try:
                alive = await self._is_alive(connection)
            finally:
                if not alive:
                    await connection.close()
                    await self.pool.putconn(connection)
            if alive:
                return connection

    async def _is_alive(self, connection: Connection) -> bool:
        """Return whether a connection works. It is asked only if it may not: the server has sent something although
        nobody had asked, which is how it closes a connection; or another one broke since this one last answered."""
        proven = connection.behind_pooler or connection.proven_at > self._lost_at
        if proven and not connection.is_readable:
            return True
        try:
            await connection.statements.run("")
        except psycopg.Error:
            return False
        connection.proven_at = time.monotonic()
        return True

    async def _configure(self, connection: Connection) -> None:
        """Find out what is at the other end of a new connection, and make our settings if it keeps them.

        PostgreSQL says the number of its process at the start of a session, and a pooler says a number of its own.
        """
        async with _within(self.pool.timeout):
            (process,) = (await connection.statements.run("SELECT pg_backend_pid()")).rows(itemgetter(0))
        connection.behind_pooler = process != connection.info.backend_pid
        connection.statements.keeps = not connection.behind_pooler
        if not connection.behind_pooler:
            await connection.statements.run(
                "; ".join(f"SET {name} = '{value}'" for name, value in self._settings.items())
            )
        connection.proven_at = time.monotonic()


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise PoolTimeout(f"PostgreSQL, or the pooler before it, gave no session within {seconds:g} s") from error


def database_from(settings: Settings) -> Database:
    """Make the pool that the settings ask for; nothing is opened yet."""
    return Database(
        settings.database_url,
        size=settings.database_pool_size,
        statement_timeout=settings.statement_timeout,
        lock_timeout=settings.lock_timeout,
    )
