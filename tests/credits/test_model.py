"""Any sequence of grants, starts, endings and retries, some at the same moment, against a model in plain Python."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.credits.invariants import broken
from tests.engines import Engines
from tests.factories import Collection, make_collection, make_job, make_step, make_user

from emprops.credits import service, store
from emprops.credits.service import Terms
from emprops.errors import NotEnoughCreditsError
from emprops.generations.finish import complete_job, fail_job
from emprops.jobs import store as jobs
from emprops.kit.database import Database, Transaction

TERMS = Terms()
AMOUNTS = st.integers(1, 12)


@dataclass
class Purse:
    available: int = 0
    held: int = 0


@dataclass
class Job:
    id: UUID
    owner: UUID
    price: int
    status: str = "processing"
    paid: str = "held"


class Credits(RuleBasedStateMachine):
    """The model is moved by what the system answers only where both answers are right: in races."""

    runner: asyncio.Runner
    database: Database
    jobs = Bundle("jobs")

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def two_users(self) -> None:
        async def make() -> tuple[Collection, list[UUID]]:
            async with self.database.transaction() as tx:
                return await make_collection(tx), [await make_user(tx) for _ in range(2)]

        self.collection, self.users = self.do(make())
        self.purses = {user_id: Purse() for user_id in self.users}
        self.known: list[Job] = []

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

    @rule(target=jobs, who=st.integers(0, 1), price=AMOUNTS, count=st.integers(1, 5))
    def start(self, who: int, price: int, count: int) -> Any:
        """Start several jobs at once: as many as can be paid are started."""
        owner = self.users[who]

        async def act() -> UUID | None:
            try:
                async with self.database.transaction() as tx:
                    job = await make_job(tx, owner, collection=self.collection, status="processing")
                    await make_step(tx, job)
                    await service.hold(tx, user_id=owner, job_id=job.id, amount=price, reason="", terms=TERMS)
                    return job.id
            except NotEnoughCreditsError:
                return None

        async def act_together() -> list[UUID | None]:
            return list(await asyncio.gather(*(act() for _ in range(count))))

        started = [Job(job_id, owner, price) for job_id in self.do(act_together()) if job_id]
        purse = self.purses[owner]
        assert len(started) == min(count, purse.available // price)
        purse.available -= price * len(started)
        purse.held += price * len(started)
        self.known += started
        return multiple(*started)

    @rule(job=jobs, ends=st.lists(st.sampled_from(["completed", "failed", "cancelled"]), min_size=1, max_size=4))
    def end(self, job: Job, ends: list[str]) -> None:
        """Several endings of one job at once: one wins, and the credits follow it."""

        async def act_together() -> list[bool]:
            return list(await asyncio.gather(*(self.ended(job.id, end) for end in ends)))

        won = [end for end, won in zip(ends, self.do(act_together()), strict=True) if won]
        assert len(won) == (1 if job.status == "processing" else 0)
        if not won:
            return
        purse = self.purses[job.owner]
        purse.held -= job.price
        job.status, job.paid = ("completed", "captured") if won[0] == "completed" else ("failed", "released")
        purse.available += 0 if job.status == "completed" else job.price

    async def ended(self, job_id: UUID, end: str) -> bool:
        async with self.database.transaction() as tx:
            if end != "completed":
                return await fail_job(tx, job_id, message=end, cancelled=end == "cancelled") is not None
            [job] = (await jobs.lock_jobs(tx, [job_id])).values()
            return await complete_job(tx, job, await jobs.current_steps(tx, [job_id]), {})

    @rule(job=jobs, times=st.integers(1, 3))
    def retry(self, job: Job, times: int) -> None:
        """Retries at once: a failed job is held again once, at its first price, if it can be paid; an open one stays
        as it is."""

        async def act() -> bool:
            try:
                async with self.database.transaction() as tx:
                    moved = await self.reopened(tx, job.id)
                    await service.hold_again(tx, job.id, terms=TERMS)
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

    async def reopened(self, tx: Transaction, job_id: UUID) -> bool:
        await jobs.lock_jobs(tx, [job_id])
        return await tx.execute(
            """
            UPDATE job SET status = 'processing', completed_at = NULL, cancelled_at = NULL
            WHERE id = %s AND status = 'failed'
            """,
            (job_id,),
        ) == 1

    @rule(job=jobs, times=st.integers(1, 3))
    def complete_late(self, job: Job, times: int) -> None:
        """The failsafe: a failed job completes after all, perhaps several times at once."""

        async def act() -> None:
            async with self.database.transaction() as tx:
                await jobs.lock_jobs(tx, [job.id])
                if await jobs.complete(tx, job.id, workflow_output=None, data={}, from_states=["failed"]):
                    await service.capture(tx, job.id)

        async def act_together() -> None:
            await asyncio.gather(*(act() for _ in range(times)))

        self.do(act_together())
        if job.status == "failed":
            purse = self.purses[job.owner]
            job.status, job.paid = "completed", "captured" if purse.available >= job.price else "unpaid"
            purse.available -= job.price if job.paid == "captured" else 0

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
def machine(engines: Engines) -> Iterator[type[Credits]]:
    """The machine, with an event loop and a pool that all its runs share."""
    with asyncio.Runner() as runner:
        database = Database(engines.database_url, size=8)
        runner.run(database.open())
        yield type("Credits", (Credits,), {"runner": runner, "database": database})
        runner.run(database.close())


def test_credits_follow_their_model(machine: type[Credits]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
