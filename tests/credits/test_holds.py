"""The duty that compares holds with jobs. Faults are made in the database: nothing else makes them."""

import asyncio
from contextlib import suppress
from uuid import UUID

import pytest
from tests.credits.invariants import broken
from tests.credits.rig import TERMS, hold, kinds_of, user_with
from tests.credits.test_usage import TOKENS, begun
from tests.orchestrator.rig import Rig, failed_job, picture
from tests.plans import Explaining, gather

from emprops.credits import fault_store, service, store
from emprops.credits.amounts import MICROS
from emprops.credits.service import Terms
from emprops.credits.store import Account
from emprops.jobs import store as jobs
from emprops.kit.database import Database
from emprops.orchestrator.finish import fail_job
from emprops.orchestrator.metrics import CREDIT_FAULTS
from emprops.orchestrator.repair.holds import UNPAID, reconcile_holds


def mended(fault: str, how: str) -> float:
    """How often this process has mended this fault this way."""
    return CREDIT_FAULTS.labels(fault, how)._value.get()  # type: ignore[no-any-return]


async def account(rig: Rig) -> Account | None:
    async with rig.database.reader() as reader:
        assert not await broken(reader)
        return await store.account_of(reader, rig.user_id)


async def lose_hold(rig: Rig, job_id: UUID) -> None:
    async with rig.database.transaction() as tx:
        assert await store.release(tx, job_id, "lost")


async def end_by_hand(rig: Rig, job_id: UUID, status: str) -> None:
    await rig.execute("UPDATE job SET status = %s, completed_at = now() WHERE id = %s", status, job_id)


async def test_what_fits_is_left_alone(rig: Rig) -> None:
    await begun(rig, 0.25)
    await rig.run(picture())
    await failed_job(rig, price=0.5)
    await begun(rig, 0.25)
    before = await account(rig)
    assert before is not None
    assert before.held == 350_000
    assert await reconcile_holds(rig.dispatcher, TERMS) == 0
    assert await account(rig) == before


async def test_what_is_held_for_a_failed_job_is_given_back(rig: Rig) -> None:
    job_id = await begun(rig, 0.25)
    await end_by_hand(rig, job_id, "failed")
    count = mended("hold_without_job", "released")
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    assert await account(rig) == Account(available=MICROS)
    assert await rig.entries(job_id) == ["hold", "release"]
    assert mended("hold_without_job", "released") == count + 1
    assert await reconcile_holds(rig.dispatcher, TERMS) == 0


async def test_what_is_held_for_no_job_at_all_is_given_back(rig: Rig) -> None:
    async with rig.database.transaction() as tx:
        user_id = await user_with(tx, 5)
        job_id = await hold(tx, user_id, 3)
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    async with rig.database.reader() as reader:
        assert await store.account_of(reader, user_id) == Account(available=5)
        assert await kinds_of(reader, job_id) == ["hold", "release"]


async def test_what_is_held_for_a_completed_job_is_charged_as_usual(rig: Rig) -> None:
    """It was delivered."""
    job_id = await begun(rig, TOKENS)
    claim = await rig.worker.claim_one()
    await rig.execute(
        """
        UPDATE step SET status = 'completed', completed_at = now(), output_data = %s::jsonb WHERE id = %s
        """,
        '{"data": {"usage": {"total_tokens": 50000}}}',
        UUID(claim.ticket.id),
    )
    await end_by_hand(rig, job_id, "completed")
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    assert await account(rig) == Account(available=800_000)
    assert (await rig.job(job_id))["price"]["charged"] == 0.2
    assert await reconcile_holds(rig.dispatcher, TERMS) == 0


async def test_an_open_job_whose_hold_was_lost_is_held_again(rig: Rig) -> None:
    job_id = await begun(rig, 0.25)
    await lose_hold(rig, job_id)
    count = mended("job_without_hold", "held")
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    assert await account(rig) == Account(available=650_000, held=350_000)
    assert mended("job_without_hold", "held") == count + 1
    await rig.run(picture())
    assert await account(rig) == Account(available=650_000)


async def test_an_open_job_that_never_had_a_hold_gets_one(rig: Rig) -> None:
    job_id = await rig.start(price=2)
    await lose_hold(rig, job_id)
    await rig.execute("ALTER TABLE credit_entry DISABLE TRIGGER credit_entry_append_only")
    try:
        await rig.execute("DELETE FROM credit_entry WHERE job_id = %s", job_id)
        await rig.execute("DELETE FROM credit_hold WHERE job_id = %s", job_id)
    finally:
        await rig.execute("ALTER TABLE credit_entry ENABLE TRIGGER credit_entry_append_only")
    assert (await rig.job(job_id))["price"]["state"] == "missing"
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    assert (await rig.job(job_id))["price"]["state"] == "held"
    assert (await account(rig) or Account()).held == 2 * MICROS


async def test_a_job_that_cannot_be_paid_any_more_fails_and_says_why(rig: Rig) -> None:
    job_id = await begun(rig, 0.25)
    await lose_hold(rig, job_id)
    async with rig.database.transaction() as tx:
        await service.adjust(tx, rig.user_id, -900_000, reason="spent", terms=TERMS)
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    await rig.dispatcher.flush()
    job = await rig.job(job_id)
    assert (job["status"], job["error_message"], job["price"]["state"]) == ("failed", UNPAID, "released")
    assert await account(rig) == Account(available=100_000)
    assert await rig.ticket_states(await rig.steps(job_id)) == [None]
    assert await reconcile_holds(rig.dispatcher, TERMS) == 0
    async with rig.database.transaction() as tx:
        await service.grant(tx, rig.user_id, MICROS, reason="", terms=TERMS)
    await rig.ok(job_id, "retry")
    assert await account(rig) == Account(available=750_000, held=350_000)


async def test_jobs_that_were_started_for_free_stay_free(rig: Rig) -> None:
    job_id = await begun(rig, 0.25)
    await lose_hold(rig, job_id)
    assert await reconcile_holds(rig.dispatcher, Terms(enforced=False)) == 0
    await rig.execute("UPDATE credit_hold SET state = 'waived'")
    await rig.execute("UPDATE job SET price = price || '{\"waived\": true}'")
    assert await reconcile_holds(rig.dispatcher, TERMS) == 0


async def test_any_number_at_once_mend_each_fault_once(rig: Rig) -> None:
    idle = [await begun(rig, 0.25) for _ in range(4)]
    unheld = [await begun(rig, 0.25) for _ in range(4)]
    for job_id in idle:
        await end_by_hand(rig, job_id, "failed")
    for job_id in unheld:
        await lose_hold(rig, job_id)
    counts = mended("hold_without_job", "released"), mended("job_without_hold", "held")
    done = await asyncio.gather(*(reconcile_holds(rig.dispatcher, TERMS) for _ in range(5)))
    while (more := await reconcile_holds(rig.dispatcher, TERMS)) > 0:  # a job that two looked at waits for the next
        done.append(more)
    assert sum(done) == 8
    assert await account(rig) == Account(available=8 * MICROS - 4 * 350_000, held=4 * 350_000)
    assert (mended("hold_without_job", "released"), mended("job_without_hold", "held")) == (
        counts[0] + 4,
        counts[1] + 4,
    )


@pytest.mark.parametrize("fault", ["failed", "lost"])
async def test_a_job_that_is_being_changed_is_left_for_the_next_round(rig: Rig, fault: str) -> None:
    """The duty neither waits for whoever has the job, nor acts on what he is about to change."""
    job_id = await begun(rig, 0.25)
    await (end_by_hand(rig, job_id, "failed") if fault == "failed" else lose_hold(rig, job_id))
    async with rig.database.transaction() as tx:
        await tx.execute("SELECT FROM job WHERE id = %s FOR NO KEY UPDATE", (job_id,))
        assert await reconcile_holds(rig.dispatcher, TERMS) == 0
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1


async def test_a_start_and_an_end_that_are_not_committed_are_no_faults(rig: Rig) -> None:
    job_id = await begun(rig, 0.25)

    class Undo(Exception):  # noqa: N818
        pass

    with suppress(Undo):
        async with rig.database.transaction() as tx:
            await jobs.lock_jobs(tx, [job_id])
            assert await fail_job(tx, job_id, message="no") is not None
            await hold(tx, rig.user_id, 5)  # its job is inserted later in the transaction
            assert await reconcile_holds(rig.dispatcher, TERMS) == 0
            raise Undo
    assert await account(rig) == Account(available=650_000, held=350_000)


async def test_one_that_cannot_be_mended_does_not_keep_the_others(rig: Rig) -> None:
    bad, good = sorted([await begun(rig, 0.25), await begun(rig, 0.25)])
    for job_id in (bad, good):
        await end_by_hand(rig, job_id, "failed")
    await rig.execute(f"ALTER TABLE credit_entry ADD CONSTRAINT refused CHECK (kind <> 'release' OR job_id <> '{bad}')")
    try:
        assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    finally:
        await rig.execute("ALTER TABLE credit_entry DROP CONSTRAINT refused")
    assert await rig.entries(good) == ["hold", "release"]
    assert await reconcile_holds(rig.dispatcher, TERMS) == 1
    assert await account(rig) == Account(available=2 * MICROS)


async def test_the_duty_reads_what_is_open_not_all_that_ever_was(database: Database) -> None:
    async with database.transaction() as tx:
        user_id = await user_with(tx, MICROS)
        await tx.execute(
            """
            INSERT INTO credit_hold (job_id, user_id, amount, state)
            SELECT gen_random_uuid(), %s, 5, CASE WHEN n %% 100 = 0 THEN 'held' ELSE 'captured' END
            FROM generate_series(1, 5000) n
            """,
            (user_id,),
        )
        await gather(tx, "credit_hold")
        explaining = Explaining(tx.connection)
        await fault_store.holds_without_job(explaining, limit=100)
        assert "credit_hold_held" in explaining.plan
