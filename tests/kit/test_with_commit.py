"""Reads that go with COMMIT: they see what is committed, and nothing depends on them."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from emprops.kit.database import Database, Transaction

Looks = list[tuple[int, bool]]


def look_of(tx: Transaction, seen: Looks) -> Callable[[], Awaitable[None]]:
    async def look() -> None:
        [row] = await tx.fetch_dicts(
            "SELECT count(*) AS rows, pg_current_xact_id_if_assigned() IS NULL AS after FROM jar WHERE n < %s", (100,)
        )
        seen.append((row["rows"], row["after"]))

    return look


async def test_what_is_read_with_a_commit_is_read_after_it(pool: Database) -> None:
    for turn in range(8):  # until PostgreSQL keeps the statements
        seen: Looks = []
        async with pool.transaction(by_key=turn % 2 == 0) as tx:
            tx.after_commit(lambda seen=seen: seen.append((0, True)))  # type: ignore[misc]
            tx.with_commit(look_of(tx, seen))
            tx.with_commit(look_of(tx, seen))
            await tx.execute_later("INSERT INTO jar VALUES (%s)", (turn,))
        assert seen == [(turn + 1, True), (turn + 1, True), (0, True)], "before anybody is told"


async def spoil(pool: Database, seen: Looks, insert: str, *values: int, error: type[Exception] | None = None) -> None:
    async with pool.transaction() as tx:
        tx.with_commit(look_of(tx, seen))
        await tx.execute(insert, values)
        if error:
            raise error


async def test_after_a_rollback_nothing_is_read(pool: Database) -> None:
    seen: Looks = []
    with pytest.raises(psycopg.errors.UniqueViolation):
        await spoil(pool, seen, "INSERT INTO jar VALUES (%s), (%s)", 1, 1)
    with pytest.raises(ZeroDivisionError):
        await spoil(pool, seen, "INSERT INTO jar VALUES (%s)", 1, error=ZeroDivisionError)
    assert seen == []


async def test_a_commit_that_fails_is_told_and_takes_the_look_with_it(pool: Database) -> None:
    seen: Looks = []
    async with pool.transaction() as tx:
        await tx.execute("ALTER TABLE jar ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED, DROP CONSTRAINT jar_pkey")
    for _ in range(8):
        with pytest.raises(psycopg.errors.UniqueViolation):
            await spoil(pool, seen, "INSERT INTO jar VALUES (%s), (%s)", 1, 1)
    assert seen == []
    async with pool.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM jar") == 0


async def test_a_task_that_is_cancelled_before_it_sends_commit_has_stored_nothing(pool: Database) -> None:
    async def cancelled() -> None:
        async with pool.transaction() as tx:
            await tx.execute("INSERT INTO jar VALUES (%s)", (1,))
            task = asyncio.current_task()
            assert task is not None

            async def look() -> None:
                task.cancel()  # COMMIT was asked for and waits for this look
                await tx.fetch_value("SELECT count(*) FROM jar")

            tx.with_commit(look)

    for _ in range(8):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(cancelled())
        async with pool.reader() as reader:
            assert await reader.fetch_value("SELECT count(*) FROM jar") == 0


async def test_looks_that_fail_leave_the_commit_alone(pool: Database) -> None:
    seen: Looks = []
    for turn in range(8):
        async with pool.transaction() as tx:

            async def divide(tx: Transaction = tx) -> None:
                await tx.fetch_value("SELECT 1 / %s::int", (0,))

            tx.with_commit(divide)
            tx.with_commit(look_of(tx, seen))
            await tx.execute("INSERT INTO jar VALUES (%s)", (turn,))
    assert seen == []
    async with pool.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM jar") == 8
