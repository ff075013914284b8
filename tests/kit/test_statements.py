"""Statements of one connection: which of them share a round trip, and what their errors do."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from tests.locks import somebody_waits

from emprops.kit import statements as module
from emprops.kit.database import Database, Transaction


async def contents(pool: Database) -> list[int]:
    async with pool.reader() as reader:
        return await reader.fetch_values("SELECT n FROM jar ORDER BY n")


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many times statements were sent to PostgreSQL since this was last asked."""
    sent: list[Any] = []

    def counting(send: Callable[..., Any]) -> Callable[..., Any]:
        def counted(statements: module.Statements, asked: Any) -> Any:
            sent.extend([asked] if asked else [])
            return send(statements, asked)

        return counted

    for name in ("_send_one", "_send_many"):
        monkeypatch.setattr(module.Statements, name, counting(getattr(module.Statements, name)))
    return lambda: len([sent.pop() for _ in list(sent)])


# What shares a round trip


async def test_a_percent_sign_without_parameters_is_one(pool: Database) -> None:
    async with pool.reader() as reader:
        assert await reader.fetch_value("SELECT 7 % 4") == 3
        assert await reader.fetch_value("SELECT 7 %% %s", (4,)) == 3


async def test_a_transaction_begins_with_its_first_statement(pool: Database, trips: Callable[[], int]) -> None:
    trips()
    async with pool.transaction(by_key=True):
        pass
    assert trips() == 0, "nothing was asked, so there is nothing to begin and to commit"
    async with pool.transaction(by_key=True) as tx:
        await tx.execute("INSERT INTO jar VALUES (%s)", (1,))
        assert trips() == 1
    assert trips() == 1
    assert await contents(pool) == [1]


async def test_what_nobody_waits_for_goes_with_the_next_statement(pool: Database, trips: Callable[[], int]) -> None:
    trips()
    async with pool.transaction() as tx:
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (1,))
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (2,))
        assert await tx.fetch_value("SELECT count(*) FROM jar WHERE n < %s", (9,)) == 2, "in the order it was written"
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (3,))
        assert trips() == 1
        await tx.execute("INSERT INTO jar VALUES (%s)", (4,))
        assert trips() == 1
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (5,))
    assert trips() == 2, "a COMMIT that PostgreSQL does not keep yet goes after the others"
    assert await contents(pool) == [1, 2, 3, 4, 5]


async def test_outside_a_transaction_nothing_waits_for_the_next_statement(pool: Database) -> None:
    async with pool.reader() as reader:
        await reader.execute_later("INSERT INTO jar VALUES (%s)", (1,))
    assert await contents(pool) == [1]


async def test_what_is_asked_together_is_sent_together_and_answered_apart(
    pool: Database, trips: Callable[[], int]
) -> None:
    async def two(tx: Transaction, n: int) -> list[int]:
        first = await tx.fetch_value("SELECT %s::int", (n,))
        return [first, await tx.fetch_value("SELECT %s::int * 10", (n,))]

    async def one(tx: Transaction) -> str:
        return str(await tx.fetch_value("SELECT %s::text", ("x",)))

    trips()
    async with pool.transaction() as tx:
        assert await tx.together(two(tx, 1), one(tx), two(tx, 2)) == ([1, 10], "x", [2, 20])
        assert trips() == 2
        assert await tx.fetch_value("SELECT %s::int", (5,)) == 5
        assert trips() == 1
        assert await tx.together(two(tx, 3), tx.together(one(tx), two(tx, 4))) == ([3, 30], ("x", [4, 40]))


async def test_what_nobody_waits_for_keeps_its_place_among_what_is_asked_together(
    pool: Database, trips: Callable[[], int]
) -> None:
    async def replace(tx: Transaction) -> int:
        return await tx.execute("DELETE FROM jar WHERE n = %s", (1,))

    async def again(tx: Transaction) -> None:
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (1,))

    for turn in range(8):  # until the statements are kept
        trips()
        async with pool.transaction() as tx:
            assert await tx.together(replace(tx), again(tx)) == (int(turn > 0), None)
            assert trips() == 1
        assert await contents(pool) == [1]


async def test_a_text_of_several_statements_may_begin_a_transaction(pool: Database) -> None:
    async with pool.transaction() as tx:
        await tx.execute_later("INSERT INTO jar VALUES (%s)", (1,))
        await tx.execute("INSERT INTO jar VALUES (2); INSERT INTO jar VALUES (3)")
        await tx.execute("ROLLBACK; BEGIN")
        await tx.execute("INSERT INTO jar VALUES (4)")
    assert await contents(pool) == [4]


# What errors do


@pytest.mark.parametrize("asked_after", [True, False])
async def test_an_error_of_what_nobody_waited_for_stores_nothing(pool: Database, asked_after: bool) -> None:
    told: list[str] = []

    async def spoil() -> None:
        async with pool.transaction() as tx:
            tx.after_commit(lambda: told.append("stored"))
            await tx.execute("INSERT INTO jar VALUES (1)")
            await tx.execute_later("INSERT INTO jar VALUES (%s)", (1,))
            await tx.execute_later("INSERT INTO jar VALUES (%s)", (2,))
            if asked_after:
                await tx.fetch_value("SELECT %s::int", (3,))

    for _ in range(8):  # until the statements are kept
        with pytest.raises(psycopg.errors.UniqueViolation):
            await spoil()
    assert told == []
    assert await contents(pool) == []


async def test_a_text_is_not_run_after_something_that_failed(pool: Database) -> None:
    async def spoil() -> None:
        async with pool.transaction() as tx:
            await tx.execute_later("SELECT 1 / 0")
            await tx.execute("ROLLBACK; INSERT INTO jar VALUES (1)")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await spoil()
    assert await contents(pool) == []


async def test_an_error_of_what_nobody_waits_for_among_others_is_raised_by_one_of_them(pool: Database) -> None:
    async def spoil() -> None:
        async with pool.transaction() as tx:
            await tx.together(
                tx.execute("INSERT INTO jar VALUES (%s)", (1,)),
                tx.execute_later("INSERT INTO jar VALUES (%s)", (1,)),
                tx.execute("INSERT INTO jar VALUES (%s)", (2,)),
            )

    for _ in range(8):
        with pytest.raises(psycopg.errors.UniqueViolation):
            await spoil()
    assert await contents(pool) == []


@pytest.mark.parametrize("place", range(3))
async def test_of_those_that_go_together_the_one_that_is_wrong_says_what_is(pool: Database, place: int) -> None:
    async def wrong(tx: Transaction) -> None:
        await tx.execute("INSERT INTO jar VALUES (%s)", (1,))
        await tx.execute("INSERT INTO jar VALUES (%s)", (1,))

    async def right(tx: Transaction) -> None:
        for n in range(4):
            await tx.fetch_value("SELECT %s::int", (n,))

    async def spoil() -> None:
        async with pool.transaction() as tx:
            parts = [right(tx), right(tx)]
            parts.insert(place, wrong(tx))
            await tx.together(*parts)

    with pytest.raises(psycopg.errors.UniqueViolation):
        await spoil()
    assert await contents(pool) == []


async def test_an_error_of_ours_among_those_that_go_together_ends_the_transaction(pool: Database) -> None:
    async def wrong() -> None:
        raise LookupError("nothing there")

    async def spoil() -> None:
        async with pool.transaction() as tx:
            await tx.together(tx.execute("INSERT INTO jar VALUES (1)"), wrong())

    with pytest.raises(LookupError, match="nothing there"):
        await spoil()
    assert await contents(pool) == []


@pytest.mark.parametrize("together", [False, True])
async def test_a_task_that_is_cancelled_leaves_a_connection_that_works(
    pool: Database, database: Database, together: bool
) -> None:
    async def wait_for_a_lock() -> None:
        async with pool.transaction() as tx:
            waiting = tx.execute("SELECT pg_advisory_xact_lock(%s)", (77,))
            await (
                tx.together(tx.fetch_value("SELECT 1"), waiting, tx.fetch_value("SELECT 2")) if together else waiting
            )

    async with database.transaction() as held:
        await held.execute("SELECT pg_advisory_xact_lock(77)")
        task = asyncio.create_task(wait_for_a_lock())
        await somebody_waits(database)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with pool.transaction() as tx:
            assert await tx.together(tx.fetch_value("SELECT 3"), tx.fetch_value("SELECT 4")) == (3, 4)


async def test_a_task_that_is_cancelled_before_it_sends_leaves_nobody_waiting(pool: Database) -> None:
    async def ask_three() -> None:
        async with pool.transaction() as tx:
            await tx.execute("DELETE FROM jar")
            await tx.together(*(tx.execute("INSERT INTO jar VALUES (%s)", (n,)) for n in range(3)))

    for turns in range(12):
        task = asyncio.create_task(ask_three())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(5):
            with suppress(asyncio.CancelledError):
                await task
        assert await contents(pool) in ([], [0, 1, 2])


async def test_a_connection_that_is_lost_under_several_statements_is_replaced(
    pool: Database, database: Database
) -> None:
    async def wait_for_a_lock() -> None:
        async with pool.transaction() as tx:
            process.set_result(await tx.fetch_value("SELECT pg_backend_pid()"))
            await tx.together(tx.fetch_value("SELECT 1"), tx.execute("SELECT pg_advisory_xact_lock(%s)", (77,)))

    process: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with database.transaction() as held:
        await held.execute("SELECT pg_advisory_xact_lock(77)")
        task = asyncio.create_task(wait_for_a_lock())
        pid = await process
        await somebody_waits(database)
        await held.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            await task
    assert await contents(pool) == []
