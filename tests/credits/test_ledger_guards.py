"""The ledger: what its tables refuse, and what its invariants notice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import psycopg
import pytest
from tests.credits.invariants import INVARIANTS, broken
from tests.credits.rig import hold, kinds_of, user_with
from tests.factories import make_job
from tests.plans import Explaining, gather

from emprops.credits import queries, service, store
from emprops.credits.amounts import MICROS
from emprops.credits.store import Account
from emprops.kit.database import Database, Transaction


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_entry SET amount = 1",
        "UPDATE credit_entry SET reason = ''",
        "DELETE FROM credit_entry",
        "TRUNCATE credit_entry",
    ],
)
async def test_the_ledger_is_append_only(database: Database, statement: str) -> None:
    async with database.transaction() as tx:
        await user_with(tx, 5)
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute(statement)


COPY = "INSERT INTO credit_entry (user_id, kind, source, target, amount, job_id, round) SELECT user_id, "


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_account SET available = -1",
        "UPDATE credit_account SET held = -1",
        "UPDATE credit_hold SET amount = 0",
        COPY + "kind, source, target, amount, job_id, round FROM credit_entry WHERE kind = 'hold'",
        COPY + "'release', 'held', 'available', amount, job_id, round FROM credit_entry WHERE kind = 'capture'",
        COPY + "kind, source, target, amount, job_id, 2 FROM credit_entry WHERE kind = 'capture'",
        COPY + "'grant', 'spent', 'available', 5, NULL, NULL FROM credit_account",
    ],
)
async def test_the_tables_refuse_what_would_break_them(database: Database, statement: str) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        await service.capture(tx, {await hold(tx, user_id, 2): None})
    with pytest.raises(psycopg.errors.IntegrityError):
        async with database.transaction() as tx:
            await tx.execute(statement)


DAMAGE = {
    "an account has what its entries put there": "UPDATE credit_account SET available = available + 1",
    "users and the house together have nothing": "UPDATE credit_account SET available = available + 1",
    "nobody has less than nothing": "ALTER TABLE credit_account DROP CONSTRAINT credit_account_available_check;"
    " UPDATE credit_account SET available = -1",
    "what is held is held for jobs": "UPDATE credit_account SET held = held + 1",
    "what was held for a job is held, spent or given back": "UPDATE credit_hold SET round = 2",
    "a job is paid for once, by its owner, at its price": "UPDATE credit_hold SET amount = 1",
    "entries of jobs have a hold": "DELETE FROM credit_hold",
    "credits follow the job": "UPDATE job SET status = 'failed', completed_at = now()",
}


@pytest.mark.parametrize("name", INVARIANTS)
async def test_each_invariant_notices_damage(database: Database, name: str) -> None:
    class Undo(Exception):  # noqa: N818
        pass

    with suppress(Undo):
        async with database.transaction() as tx:
            user_id = await user_with(tx, 5)
            job = await make_job(tx, user_id)
            await hold(tx, user_id, 2, job_id=job.id)
            assert not await broken(tx)
            await tx.execute("SET LOCAL session_replication_role = replica")  # past triggers and foreign keys
            await tx.execute(DAMAGE[name])
            assert name in await broken(tx)
            raise Undo


async def captured(tx: Transaction, job_id: UUID, reason: str) -> None:
    await store.capture(tx, [store.Charge(job_id, reason)])


@pytest.mark.parametrize("first", [captured, store.release])
async def test_capture_and_release_of_one_hold_exclude_each_other(
    database: Database, first: Callable[[Transaction, UUID, str], Awaitable[object]]
) -> None:
    """Even without the job's lock: whichever comes second waits for the first, and then does nothing."""
    second = store.release if first is captured else captured
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 5)

    async def late() -> None:
        async with database.transaction() as tx:
            started.set()
            await second(tx, job_id, "late")

    started = asyncio.Event()
    async with database.transaction() as tx:
        await first(tx, job_id, "first")
        waiting = asyncio.create_task(late())
        await started.wait()
    await waiting
    async with database.reader() as reader:
        assert await kinds_of(reader, job_id) == ["hold", "capture" if first is captured else "release"]
        assert not await broken(reader)


async def test_the_ledger_is_read_by_its_index(database: Database) -> None:
    async with database.transaction() as tx:
        users = [await user_with(tx, MICROS), await user_with(tx, MICROS)]
        await tx.execute(
            """
            INSERT INTO credit_entry (user_id, kind, source, target, amount)
            SELECT (%s::uuid[])[CASE WHEN n %% 100 = 0 THEN 1 ELSE 2 END], 'grant', 'granted', 'available', n
            FROM generate_series(1, 4000) n
            """,
            (users,),
        )
        await gather(tx, "credit_entry")
        explaining = Explaining(tx.connection)
        await queries.entries_of(explaining, users[0], limit=50, offset=0)
        assert "credit_entry_of_user" in explaining.plan
        assert "Sort" not in explaining.plan


async def test_a_batch_of_endings_and_a_start_do_not_deadlock(database: Database) -> None:
    """Two batches with the same two users in opposite order: with their accounts locked first, nobody is aborted."""
    async with database.transaction() as tx:
        users = [await user_with(tx, 1000 * MICROS) for _ in range(2)]
    for _ in range(20):
        async with database.transaction() as tx:
            there = [await hold(tx, user_id, MICROS) for user_id in users]
            back = [await hold(tx, user_id, MICROS) for user_id in reversed(users)]
        barrier = asyncio.Barrier(2)

        async def settle(job_ids: list[UUID], barrier: asyncio.Barrier = barrier) -> None:
            async with database.transaction() as tx:
                await barrier.wait()
                await service.lock_accounts(tx, job_ids)
                for job_id in job_ids:
                    await service.capture(tx, {job_id: None})

        await asyncio.gather(settle(there), settle(back))
    async with database.reader() as reader:
        assert await store.account_of(reader, users[0]) == Account(available=960 * MICROS, held=0)
        assert not await broken(reader)
