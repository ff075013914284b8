"""The ledger itself: what it refuses, and that its invariants would notice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import psycopg
import pytest
from tests.credits.invariants import INVARIANTS, broken
from tests.factories import make_job, make_user
from tests.plans import Explaining, gather

from emprops.credits import service, store
from emprops.credits.amounts import LARGEST, MICROS
from emprops.credits.service import Terms
from emprops.credits.store import Account
from emprops.errors import BadRequestError, ConflictError, NotEnoughCreditsError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

TERMS = Terms()
FREE = Terms(enforced=False)


async def user_with(tx: Transaction, amount: int) -> UUID:
    user_id = await make_user(tx)
    if amount:
        await service.grant(tx, user_id, amount, reason="test", terms=TERMS)
    return user_id


async def hold(
    tx: Transaction, user_id: UUID, amount: int, *, job_id: UUID | None = None, terms: Terms = TERMS
) -> UUID:
    job_id = job_id or new_id()
    await service.hold(tx, user_id=user_id, job_id=job_id, amount=amount, reason="test", terms=terms)
    return job_id


async def kinds_of(tx: Transaction, job_id: UUID) -> list[str]:
    return await tx.fetch_values("SELECT kind FROM credit_entry WHERE job_id = %s ORDER BY id", (job_id,))


async def test_held_captured_and_never_again(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 10)
        job_id = await hold(tx, user_id, 4)
        assert await store.account_of(tx, user_id) == Account(available=6, held=4)
        for _ in range(2):
            await service.capture(tx, job_id)
            await service.release(tx, job_id)
            await service.hold_again(tx, job_id, terms=TERMS)
        assert await store.account_of(tx, user_id) == Account(available=6, held=0)
        assert await kinds_of(tx, job_id) == ["hold", "capture"]
        assert not await broken(tx)


async def test_a_failed_job_gives_its_credits_back_and_a_retry_takes_the_same_again(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.hold_again(tx, job_id, terms=TERMS)  # a stuck job that is tried again still has its hold
        for _ in range(2):
            await service.release(tx, job_id)
        assert await store.account_of(tx, user_id) == Account(available=5, held=0)
        await service.hold_again(tx, job_id, terms=TERMS)
        assert await store.account_of(tx, user_id) == Account(available=1, held=4)
        await service.capture(tx, job_id)
        assert await kinds_of(tx, job_id) == ["hold", "release", "hold", "capture"]
        assert not await broken(tx)


async def test_a_retry_that_cannot_be_paid_is_refused_and_changes_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.release(tx, job_id)
        await hold(tx, user_id, 2)
        with pytest.raises(NotEnoughCreditsError):
            await service.hold_again(tx, job_id, terms=TERMS)
        assert await store.account_of(tx, user_id) == Account(available=3, held=2)
        assert not await broken(tx)


async def test_a_failed_job_that_completes_after_all_is_charged(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.release(tx, job_id)
        for _ in range(2):
            await service.capture(tx, job_id)
        assert await store.account_of(tx, user_id) == Account(available=1, held=0)
        assert await kinds_of(tx, job_id) == ["hold", "release", "hold", "capture"]
        assert not await broken(tx)


async def test_without_enough_credits_by_then_it_is_noted_as_unpaid(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.release(tx, job_id)
        await hold(tx, user_id, 2)
        for _ in range(2):
            await service.capture(tx, job_id)
        assert await store.account_of(tx, user_id) == Account(available=3, held=2)
        assert await kinds_of(tx, job_id) == ["hold", "release", "unpaid"]
        assert not await broken(tx)


async def test_a_free_job_leaves_no_trace(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await make_user(tx)
        job_id = await hold(tx, user_id, 0)
        for action in (service.capture, service.release):
            await action(tx, job_id)
        await service.hold_again(tx, job_id, terms=TERMS)
        assert await tx.fetch_value("SELECT count(*) FROM credit_entry") == 0
        assert await tx.fetch_value("SELECT count(*) FROM credit_account") == 0


async def test_nothing_is_held_where_credits_are_not_enforced(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 9, terms=FREE)
        await service.capture(tx, job_id)
        assert await store.account_of(tx, user_id) == Account(available=5, held=0)


async def test_a_retry_is_free_once_credits_are_not_enforced(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.release(tx, job_id)
        await service.hold_again(tx, job_id, terms=FREE)
        await service.capture(tx, job_id)
        assert await store.account_of(tx, user_id) == Account(available=5, held=0)
        assert not await broken(tx)


async def test_a_job_is_held_once(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 1)
    with pytest.raises(ConflictError):
        async with database.transaction() as tx:
            await hold(tx, user_id, 1, job_id=job_id)
    async with database.reader() as reader:
        assert await store.account_of(reader, user_id) == Account(available=4, held=1)


async def test_initial_credits_come_once_however_many_see_the_user_first(database: Database) -> None:
    terms = Terms(initial=3)
    user_id = new_id()

    async def look() -> Account:
        async with database.transaction() as tx:
            return await service.account_of(tx, user_id, terms=terms)

    async def spend() -> bool:
        async with database.transaction() as tx:
            await make_user(tx, user_id)
            try:
                await hold(tx, user_id, 1, terms=terms)
            except NotEnoughCreditsError:
                return False
            return True

    done = await asyncio.gather(*(look() for _ in range(5)), *(spend() for _ in range(5)))
    assert done.count(True) == 3
    async with database.reader() as reader:
        assert await store.account_of(reader, user_id) == Account(available=0, held=3)
        assert not await broken(reader)


async def test_an_adjustment_goes_both_ways_but_not_below_zero(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        await service.adjust(tx, user_id, -2, reason="counted twice", terms=TERMS)
        await service.adjust(tx, user_id, 7, reason="sorry", terms=TERMS)
        with pytest.raises(BadRequestError):
            await service.adjust(tx, user_id, -11, reason="too much", terms=TERMS)
        with pytest.raises(BadRequestError):
            await service.adjust(tx, user_id, 0, reason="nothing", terms=TERMS)
        assert await store.account_of(tx, user_id) == Account(available=10, held=0)
        assert not await broken(tx)


@pytest.mark.parametrize("amount", [0, -1, LARGEST + 1, LARGEST])
async def test_a_grant_that_makes_no_sense_is_refused(database: Database, amount: int) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 1)
        with pytest.raises(BadRequestError, match="amount"):
            await service.grant(tx, user_id, amount, reason="", terms=TERMS)
        assert await store.account_of(tx, user_id) == Account(available=1, held=0)


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
        await service.capture(tx, await hold(tx, user_id, 2))
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


@pytest.mark.parametrize("first", [store.capture, store.release])
async def test_capture_and_release_of_one_hold_exclude_each_other(
    database: Database, first: Callable[[Transaction, UUID, str], Awaitable[object]]
) -> None:
    """Even without the job's lock: whichever comes second waits for the first, and then does nothing."""
    second = store.release if first is store.capture else store.capture
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
        assert await kinds_of(reader, job_id) == ["hold", "capture" if first is store.capture else "release"]
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
        await store.entries_of(explaining, users[0], limit=50, offset=0)
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
                    await service.capture(tx, job_id)

        await asyncio.gather(settle(there), settle(back))
    async with database.reader() as reader:
        assert await store.account_of(reader, users[0]) == Account(available=960 * MICROS, held=0)
        assert not await broken(reader)
