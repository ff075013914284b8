"""Any sequence of grants, starts, endings and retries, some at the same moment, against a model in plain Python."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb
from tests.credits.endings import by_usage, damage, ended, ran, reopened
from tests.credits.invariants import broken
from tests.engines import Engines
from tests.factories import Collection, make_collection, make_job, make_step, make_user

from emprops.credits import service, store
from emprops.credits.service import Terms
from emprops.credits.store import NewHold
from emprops.errors import NotEnoughCreditsError
from emprops.jobs import store as jobs
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.orchestrator.finish import Success, succeed
from emprops.orchestrator.repair.holds import reconcile_holds
from emprops.orchestrator.tickets import Dispatcher
from emprops.queue.dispatch import Queue
from emprops.settings import Settings

TERMS = Terms()
AMOUNTS = st.integers(1, 12)
PLACES = st.integers(0, 3)
USED = st.none() | st.integers(0, 15)
"""Tokens that a step reports; None: nothing."""


@dataclass
class Purse:
    available: int = 0
    held: int = 0


@dataclass
class Job:
    id: UUID
    owner: UUID
    price: int
    least: int | None = None
    """Set if it is settled by usage, at a micro-credit for each token."""
    status: str = "processing"
    paid: str = "held"

    def charge(self, used: int | None) -> int:
        if self.least is None:
            return self.price
        return min(max(used or 0, self.least), self.price)


class Credits(RuleBasedStateMachine):
    """What happens at one moment is always several of the same kind, so that the outcome is one and a run can be
    repeated; the race of success against failure is a test of its own below."""

    runner: asyncio.Runner
    engines: Engines
    database: Database
    dispatcher: Dispatcher

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def two_users(self) -> None:
        async def make() -> tuple[Collection, list[UUID]]:
            async with self.database.transaction() as tx:
                return await make_collection(tx), [await make_user(tx) for _ in range(2)]

        self.engines.clean()  # or what one run broke would fail the next, and no run could be repeated
        self.collection, self.users = self.do(make())
        self.purses = {user_id: Purse() for user_id in self.users}
        self.known: list[Job] = []
        for who in range(2):
            self.grant(who, 12)

    @rule(who=st.integers(0, 1), amount=AMOUNTS)
    def grant(self, who: int, amount: int) -> None:
        async def act() -> None:
            async with self.database.transaction() as tx:
                await service.grant(tx, self.users[who], amount, reason="", terms=TERMS)

        self.do(act())
        self.purses[self.users[who]].available += amount

    @rule(who=st.integers(0, 1), amount=st.integers(-12, 12).filter(bool))
    def adjust(self, who: int, amount: int) -> None:
        async def act() -> int | None:
            async with self.database.transaction() as tx:
                await store.open_account(tx, self.users[who], 0)
                return await store.add(tx, self.users[who], kind="adjust", amount=amount, reason="")

        purse = self.purses[self.users[who]]
        possible = purse.available + amount >= 0
        assert (self.do(act()) is not None) == possible
        purse.available += amount if possible else 0

    def job_at(self, place: int) -> Job | None:
        """One of the newest jobs."""
        return self.known[-1 - place % min(4, len(self.known))] if self.known else None

    def spend_all(self, owner: UUID) -> None:
        """Start a job that costs all there is."""
        self.start_at(self.users.index(owner), max(1, self.purses[owner].available), 1)

    @rule(who=st.integers(0, 1), price=AMOUNTS, count=st.integers(1, 5), least=st.none() | st.integers(0, 12))
    def start(self, who: int, price: int, count: int, least: int | None) -> None:
        """Start several jobs at once: as many as can be paid are started."""
        self.start_at(who, price, count, None if least is None else min(least, price))

    def start_at(self, who: int, price: int, count: int, least: int | None = None) -> None:
        owner = self.users[who]
        parts = None if least is None else Jsonb(by_usage(price, least))

        async def act() -> UUID | None:
            try:
                async with self.database.transaction() as tx:
                    job = await make_job(tx, owner, collection=self.collection, status="processing")
                    await make_step(tx, job)
                    await tx.execute("UPDATE job SET price = %s WHERE id = %s", (parts, job.id))
                    await service.hold(tx, [NewHold(owner, job.id, price, "")], terms=TERMS)
                    return job.id
            except NotEnoughCreditsError:
                return None

        async def act_together() -> list[UUID | None]:
            return list(await asyncio.gather(*(act() for _ in range(count))))

        started = [Job(job_id, owner, price, least) for job_id in self.do(act_together()) if job_id]
        purse = self.purses[owner]
        assert len(started) == min(count, purse.available // price)
        purse.available -= price * len(started)
        purse.held += price * len(started)
        self.known += started

    @rule(place=PLACES, end=st.sampled_from(["completed", "failed", "cancelled"]), times=st.integers(1, 3), used=USED)
    def end(self, place: int, end: str, times: int, used: int | None) -> None:
        """A job ends, several times at once: one wins, and the credits follow it."""
        job = self.job_at(place)
        if job is None:
            return
        job_id = job.id

        async def act_together() -> list[bool]:
            return list(await asyncio.gather(*(ended(self.database, job_id, end, used) for _ in range(times))))

        possible = job.status == "processing"
        assert sum(self.do(act_together())) == int(possible)
        if possible:
            purse = self.purses[job.owner]
            purse.held -= job.price
            job.status, job.paid = ("completed", "captured") if end == "completed" else ("failed", "released")
            purse.available += job.price - (job.charge(used) if job.status == "completed" else 0)

    @rule(place=PLACES, times=st.integers(1, 3), spent=st.booleans())
    def retry(self, place: int, times: int, spent: bool) -> None:
        """Retries at once: a failed job is held again once, at its first price, if it can be paid; an open one stays
        as it is."""
        job = self.job_at(place)
        if job is None:
            return
        job_id = job.id
        if spent:
            self.spend_all(job.owner)

        async def act() -> bool:
            try:
                async with self.database.transaction() as tx:
                    moved = await reopened(tx, job_id)
                    await service.hold_again(tx, job_id, terms=TERMS)
                    return moved
            except NotEnoughCreditsError:
                return False

        async def act_together() -> list[bool]:
            return list(await asyncio.gather(*(act() for _ in range(times))))

        purse = self.purses[job.owner]
        possible = job.status == "failed" and purse.available >= job.price
        assert sum(self.do(act_together())) == int(possible)
        if possible:
            job.status, job.paid = "processing", "held"
            purse.available -= job.price
            purse.held += job.price

    @rule(place=PLACES, times=st.integers(1, 3), spent=st.booleans(), used=USED)
    def complete_late(self, place: int, times: int, spent: bool, used: int | None) -> None:
        """The failsafe: a failed job completes after all, perhaps several times at once."""
        job = self.job_at(place)
        if job is None:
            return
        job_id = job.id
        if spent:
            self.spend_all(job.owner)

        async def act() -> None:
            async with self.database.transaction() as tx:
                [locked] = (await jobs.lock_jobs(tx, [job_id])).values()
                success = Success(locked, None, {}, await ran(tx, job_id, used), {})
                await succeed(tx, [success], from_states=["failed"])

        async def act_together() -> None:
            await asyncio.gather(*(act() for _ in range(times)))

        self.do(act_together())
        if job.status == "failed":
            purse = self.purses[job.owner]
            charge, job.status = job.charge(used), "completed"
            job.paid = "captured" if purse.available >= job.price or charge == 0 else "unpaid"
            purse.available -= charge if job.paid == "captured" else 0

    @rule(place=PLACES, times=st.integers(1, 3), spent=st.booleans())
    def lose_a_hold(self, place: int, times: int, spent: bool) -> None:
        """Somebody gives back by hand what is held for an open job; the duty holds it again, or fails the job."""
        job = self.job_at(place)
        if job is None or job.status != "processing":
            return
        self.do(damage(self.database, job.id, "hold"))
        purse = self.purses[job.owner]
        purse.available, purse.held, job.paid = purse.available + job.price, purse.held - job.price, "released"
        if spent:
            self.spend_all(job.owner)
        self.do(self.reconcile(times))
        if purse.available >= job.price:
            purse.available, purse.held, job.paid = purse.available - job.price, purse.held + job.price, "held"
        else:
            job.status = "failed"

    @rule(place=PLACES, times=st.integers(1, 3), end=st.sampled_from(["completed", "failed"]))
    def forget_a_hold(self, place: int, times: int, end: str) -> None:
        """Somebody ends an open job by hand; the duty moves what was held for it."""
        job = self.job_at(place)
        if job is None or job.status != "processing":
            return
        self.do(damage(self.database, job.id, end))
        self.do(self.reconcile(times))
        purse, charge = self.purses[job.owner], job.charge(None) if end == "completed" else 0
        job.status, job.paid = end, "captured" if end == "completed" else "released"
        purse.available, purse.held = purse.available + job.price - charge, purse.held - job.price

    async def reconcile(self, times: int) -> None:
        await asyncio.gather(*(reconcile_holds(self.dispatcher, TERMS) for _ in range(times)))
        while await reconcile_holds(self.dispatcher, TERMS):
            pass

    @invariant()
    def the_system_agrees(self) -> None:
        async def look() -> tuple[dict[UUID, Purse], dict[UUID, str], dict[str, Any]]:
            async with self.database.reader() as reader:
                accounts = [(user_id, await store.account_of(reader, user_id)) for user_id in self.users]
                purses = {user_id: Purse(a.available, a.held) if a else Purse() for user_id, a in accounts}
                holds = await reader.fetch_dicts(
                    "SELECT job_id, state FROM credit_hold WHERE user_id = ANY(%s)", (self.users,)
                )
                return purses, {row["job_id"]: row["state"] for row in holds}, await broken(reader)

        if not hasattr(self, "users"):
            return
        purses, holds, violations = self.do(look())
        assert purses == self.purses
        assert holds == {job.id: job.paid for job in self.known}
        assert not violations


@pytest.fixture
def machine(engines: Engines, settings: Settings) -> Iterator[type[Credits]]:
    """The machine, with an event loop and a pool that all its runs share."""
    with asyncio.Runner() as runner:
        database = Database(engines.database_url, size=8)
        runner.run(database.open())
        redis = connect(engines.redis_url)
        dispatcher = Dispatcher(database, Queue(redis, prefix="model"), settings)
        parts = {"runner": runner, "engines": engines, "database": database, "dispatcher": dispatcher}
        yield type("Credits", (Credits,), parts)
        runner.run(redis.aclose())
        runner.run(database.close())


def test_credits_follow_their_model(machine: type[Credits]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes longer than a test may
            suppress_health_check=list(HealthCheck),
        ),
    )
