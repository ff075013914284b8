"""The ledger: credits are granted, held, captured and given back."""

import asyncio

import pytest
from tests.credits.invariants import broken
from tests.credits.rig import FREE, TERMS, hold, kinds_of, user_with
from tests.factories import make_user

from emprops.credits import service, store
from emprops.credits.amounts import LARGEST
from emprops.credits.service import Terms
from emprops.credits.store import Account
from emprops.errors import BadRequestError, ConflictError, NotEnoughCreditsError
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def test_held_captured_and_never_again(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 10)
        job_id = await hold(tx, user_id, 4)
        assert await store.account_of(tx, user_id) == Account(available=6, held=4)
        for _ in range(2):
            await service.capture(tx, {job_id: None})
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
        await service.capture(tx, {job_id: None})
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
            await service.capture(tx, {job_id: None})
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
            await service.capture(tx, {job_id: None})
        assert await store.account_of(tx, user_id) == Account(available=3, held=2)
        assert await kinds_of(tx, job_id) == ["hold", "release", "unpaid"]
        assert not await broken(tx)


async def test_a_free_job_leaves_no_trace(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await make_user(tx)
        job_id = await hold(tx, user_id, 0)
        await service.capture(tx, {job_id: None})
        await service.release(tx, job_id)
        await service.hold_again(tx, job_id, terms=TERMS)
        assert await tx.fetch_value("SELECT count(*) FROM credit_entry") == 0
        assert await tx.fetch_value("SELECT count(*) FROM credit_account") == 0


async def test_nothing_is_held_where_credits_are_not_enforced(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 9, terms=FREE)
        await service.capture(tx, {job_id: None})
        assert await store.account_of(tx, user_id) == Account(available=5, held=0)


async def test_a_retry_is_free_once_credits_are_not_enforced(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 4)
        await service.release(tx, job_id)
        await service.hold_again(tx, job_id, terms=FREE)
        await service.capture(tx, {job_id: None})
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
