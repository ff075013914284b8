"""The pool of connections: under cancellation, through restarts, and behind a pooler."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from tests.engines import DATABASE, Engines
from tests.pooler import pgbouncer, pooled_uri

from emprops.kit.connections import Connection
from emprops.kit.database import Database
from emprops.kit.ids import new_id
from emprops.settings import Settings, SettingsError

SIZE = 6


@pytest.fixture
async def pool(engines: Engines) -> AsyncIterator[Database]:
    """A pool of its own, full of connections that nobody uses."""
    database = Database(engines.database_url, size=SIZE)
    await database.open()
    await fill(database)
    yield database
    await database.close()


async def fill(database: Database) -> list[int]:
    """Use all connections at once; returns the numbers of their processes."""
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(database.reader()) for _ in range(SIZE)]
        return [await reader.fetch_value("SELECT pg_backend_pid()") for reader in readers]


async def one(database: Database) -> int:
    async with database.reader() as reader:
        return int(await reader.fetch_value("SELECT 1"))


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancellation_is_not_lost_to_a_connection_that_comes(settings: Settings, steps: int) -> None:
    """Whichever step of the loop it falls into: what waits for a connection ends, and the connection is not lost."""
    database = Database(settings.database_url, size=1)
    await database.open()

    async def wait_for_one() -> None:
        async with database.reader() as reader:
            await reader.fetch_value("SELECT 1")

    held = await database.pool.getconn()
    waiting = asyncio.create_task(wait_for_one())
    for _ in range(3):
        await asyncio.sleep(0)
    assert database.pool.get_stats()["requests_waiting"] == 1
    await database.pool.putconn(held)
    for _ in range(steps):
        await asyncio.sleep(0)
    too_late = not waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert too_late or waiting.cancelled()
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT 2") == 2
    await database.close()


async def test_a_restart_fails_nothing_that_was_not_under_way(pool: Database, engines: Engines) -> None:
    engines.restart_postgres()
    assert [await one(pool) for _ in range(2 * SIZE)] == [1] * 2 * SIZE
    engines.restart_postgres()
    assert await asyncio.gather(*(one(pool) for _ in range(2 * SIZE))) == [1] * 2 * SIZE
    assert len(set(await fill(pool))) == SIZE


async def test_what_is_under_way_at_a_restart_fails_once(pool: Database, engines: Engines) -> None:
    async def under_way() -> None:
        async with pool.transaction() as tx:
            await tx.execute("SELECT 1")
            begun.set()
            await restarted.wait()
            await tx.execute("SELECT 2")

    begun, restarted = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(under_way())
    await begun.wait()
    engines.restart_postgres()
    restarted.set()
    with pytest.raises(psycopg.OperationalError):
        await task
    assert [await one(pool) for _ in range(2 * SIZE)] == [1] * 2 * SIZE


async def test_connections_that_died_without_a_sign_fail_one_request_altogether(
    pool: Database, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a host is gone: nothing can be read, so that the first use finds out, and the others are asked."""
    monkeypatch.setattr(Connection, "is_readable", False)
    engines.restart_postgres()
    with pytest.raises(psycopg.OperationalError):
        await one(pool)
    assert [await one(pool) for _ in range(2 * SIZE)] == [1] * 2 * SIZE


async def test_a_connection_that_has_something_to_say_is_kept(engines: Engines) -> None:
    """Notices and changed parameters arrive unasked, too."""
    database = Database(engines.database_url, size=2)
    await database.open()
    async with database.reader() as reader:
        await reader.execute("LISTEN something")
        process = await reader.fetch_value("SELECT pg_backend_pid()")
    with psycopg.connect(engines.database_url, autocommit=True) as other:
        other.execute("NOTIFY something")
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT pg_backend_pid()") == process
    await database.close()


async def test_what_waits_in_an_outage_is_served_when_it_ends(pool: Database, engines: Engines) -> None:
    engines.kill_postgres()
    waiting = [asyncio.create_task(one(pool)) for _ in range(2 * SIZE)]
    for _ in range(10):
        await asyncio.sleep(0)
    engines.restart_postgres()
    assert await asyncio.gather(*waiting) == [1] * 2 * SIZE


async def test_a_database_that_cannot_be_reached_says_why(engines: Engines) -> None:
    database = Database(engines.database_url.replace(DATABASE, "nowhere"))
    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        await database.open()


@pytest.mark.parametrize("url", ["postgres//me:secret@here/there", "postgresql://me:secret@[here/there", "secret"])
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL must be the URL of a database") as refused:
        Database(url)
    assert "secret" not in str(refused.value)


SETTINGS = """
SELECT ARRAY[current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('timezone'),
             current_setting('idle_in_transaction_session_timeout'), current_setting('jit')]
"""
OURS = ["10s", "3s", "UTC", "15s", "off"]


@pytest.fixture
def sockets(engines: Engines) -> Iterator[Path]:
    """A PgBouncer with two sessions, which it gives away transaction by transaction."""
    with pgbouncer(engines.postgres.sockets, sessions=2) as sockets:
        yield sockets


@pytest.fixture
async def pooled(sockets: Path) -> AsyncIterator[Database]:
    database = Database(pooled_uri(sockets, DATABASE), size=SIZE)
    await database.open()
    yield database
    await database.close()


async def settings_of(database: Database) -> list[str]:
    async with database.reader() as reader:
        return list(await reader.fetch_value(SETTINGS))


async def test_the_connection_that_was_used_last_is_used_first(pool: Database) -> None:
    pids = set()
    for _ in range(SIZE):
        async with pool.reader() as reader:
            pids.add(await reader.fetch_value("SELECT pg_backend_pid()"))
    assert len(pids) == 1


async def test_an_error_that_is_caught_is_no_reason_to_say_that_all_is_stored(pool: Database) -> None:
    done: list[str] = []

    async def catch_an_error() -> None:
        async with pool.transaction() as tx:
            tx.after_commit(lambda: done.append("told"))
            with suppress(psycopg.errors.DivisionByZero):
                await tx.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="COMMIT would store nothing"):
        await catch_an_error()
    assert done == []
    assert await one(pool) == 1


async def test_settings_hold_with_and_without_a_pooler(pool: Database, pooled: Database, engines: Engines) -> None:
    assert await settings_of(pool) == OURS
    for _ in range(4):
        assert await settings_of(pooled) == OURS
        async with pooled.transaction() as tx:
            assert await tx.fetch_value(SETTINGS) == OURS
    with psycopg.connect(pooled.conninfo, prepare_threshold=None) as stranger:
        assert stranger.execute("SHOW statement_timeout").fetchone() == ("0",), "others must not inherit them"


async def test_what_is_looked_up_by_key_is_planned_once_and_never_by_a_scan(pool: Database, pooled: Database) -> None:
    for database in (pool, pooled):
        async with database.transaction(by_key=True, lock_timeout=0.25) as tx:
            await tx.execute("PREPARE look AS SELECT user_id FROM credit_account WHERE user_id = ANY($1::uuid[])")
            plan = await tx.fetch_values(f"EXPLAIN EXECUTE look('{{{new_id()}}}')")
            assert await tx.fetch_value("SHOW lock_timeout") == "250ms"
            await tx.execute("DEALLOCATE look")
        assert any("= ANY ($1)" in line for line in plan), "a plan for any keys"
        assert not any("Seq Scan" in line for line in plan), "also while the table is empty"
        async with database.transaction() as tx:
            names = ("plan_cache_mode", "enable_seqscan", "lock_timeout")
            assert [await tx.fetch_value(f"SHOW {name}") for name in names] == ["auto", "on", "3s"]


async def test_behind_a_pooler_sessions_may_change_between_statements(pooled: Database) -> None:
    """Twenty at a time over two sessions, often enough that each statement would have been prepared."""

    async def work(number: int) -> int:
        for _ in range(8):
            async with pooled.transaction() as tx:
                await tx.execute("SELECT %s::int", (number,))
            async with pooled.reader() as reader:
                assert await reader.fetch_value("SELECT %s::int", (number,)) == number
        return number

    assert await asyncio.gather(*map(work, range(20))) == list(range(20))


async def test_a_pooler_without_a_free_session_is_not_waited_for_forever(pooled: Database) -> None:
    await asyncio.gather(*(one(pooled) for _ in range(SIZE)))  # so that there are connections to the pooler
    pooled.pool.timeout = 0.3
    async with pooled.transaction(), pooled.transaction():
        with pytest.raises(psycopg.OperationalError, match="gave no session within"):
            await one(pooled)
    assert await one(pooled) == 1
