"""Starts that share a transaction: each gets the result that it would get alone, whatever its neighbours do."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.credits.invariants import broken
from tests.factories import Collection, make_user
from tests.orchestrator.rig import Rig, make_recipe
from tests.outputs.job_results.rig import decks_agree

from emprops.credits import service as credit
from emprops.credits.amounts import MICROS
from emprops.errors import AppError
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.orchestrator.start import together
from emprops.orchestrator.start.request import Ask, GenerationRequest, Started
from emprops.orchestrator.start.together import Starts
from emprops.quotas import store as quotas
from emprops.quotas.limits import QuotaLimits, Subject

Result = Started | BaseException


def ask(user: UUID, collection: Collection | str, **request: Any) -> Ask:
    ref = collection if isinstance(collection, str) else str(collection.id)
    return Ask(user, ref, GenerationRequest(**({"variables": {}} | request)), new_id())


async def start(rig: Rig, asks: list[Ask]) -> list[Result]:
    """Start these at once: the first alone, all others in the next transaction."""
    starts = Starts(rig.database, rig.dispatcher, credit.terms_from(rig.settings))
    return await asyncio.gather(*map(starts, asks), return_exceptions=True)


def codes(results: list[Result]) -> list[str]:
    return [getattr(result, "code", type(result).__name__) for result in results]


class Counting:
    """How many starts each transaction had."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self._start_all = together.start_all
        monkeypatch.setattr(together, "start_all", self._counted)

    async def _counted(self, tx: Transaction, asks: list[Ask], **options: Any) -> Any:
        self.sizes.append(len(asks))
        return await self._start_all(tx, asks, **options)


async def recipe(rig: Rig, **options: Any) -> Collection:
    async with rig.database.transaction() as tx:
        return await make_recipe(tx, **options)


async def user_with(rig: Rig, amount: int = 0, **limits: int) -> UUID:
    async with rig.database.transaction() as tx:
        user = await make_user(tx)
        if amount:
            await credit.grant(tx, user, amount * MICROS, reason="", terms=credit.Terms())
        if limits:
            await quotas.put(tx, Subject("user", user), QuotaLimits(**limits), by="the test")
        return user


async def check_stored(database: Database, started: list[Started]) -> None:
    """Each job has its steps, history and outputs, and there is nothing else."""
    async with database.reader() as reader:
        rows = await reader.fetch_dicts(
            """
            SELECT id, total_steps, (SELECT count(*) FROM step WHERE job_id = job.id) AS steps,
                   (SELECT count(*) FROM job_history WHERE job_id = job.id) AS lines,
                   ARRAY(SELECT id FROM output WHERE job_id = job.id ORDER BY generation) AS outputs
            FROM job
            """
        )
        assert {row["id"]: tuple(row["outputs"]) for row in rows} == {one.job_id: one.output_ids for one in started}
        assert all(row["steps"] == row["total_steps"] and row["lines"] == 1 for row in rows)
        assert await decks_agree(reader)
        assert not await broken(reader)


async def test_those_that_come_meanwhile_share_a_transaction(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    mine, other = await recipe(rig, generations=2), await recipe(rig, steps=2, price=0.5)
    users = [await user_with(rig, amount=10) for _ in range(3)]
    asks = [ask(users[n % 3], (mine, other)[n % 2]) for n in range(20)]
    results = await start(rig, asks)
    started = [result for result in results if isinstance(result, Started)]
    assert len(started) == len(asks), results
    assert counting.sizes == [1, 19]
    await check_stored(rig.database, started)
    assert [one.job_id for one in started] == [one.fresh_id for one in asks]
    decks = await rig.rows("SELECT output_count FROM deck ORDER BY output_count DESC")
    assert sum(deck["output_count"] for deck in decks) == sum(len(one.output_ids) for one in started)
    assert len(decks) == 6, "one for each user and collection"
    await rig.dispatcher.flush()
    waiting = await rig.rows("SELECT id FROM step WHERE queued_at IS NOT NULL")
    assert len(waiting) == 10 * 2 + 10 * 1


async def test_what_is_seen_before_anything_is_written_separates_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(monkeypatch)
    collection, user = await recipe(rig), await user_with(rig)
    asks = [
        ask(user, collection),
        ask(user, collection),
        ask(user, "unknown"),
        ask(user, collection, variables={"promt": "a fox"}, strict=True),
        ask(user, collection, workflow_id="neither id nor name"),
        ask(user, collection),
    ]
    results = await start(rig, asks)
    assert codes(results) == ["Started", "Started", "not_found", "invalid_variables", "bad_request", "Started"]
    assert counting.sizes == [1, 5]
    await check_stored(rig.database, [one for one in results if isinstance(one, Started)])


async def test_the_same_id_twice_is_one_job(rig: Rig) -> None:
    collection, user, stranger = await recipe(rig), await user_with(rig), await user_with(rig)
    chosen = str(new_id())
    asks = [
        ask(user, collection),
        ask(user, collection, workflow_id=chosen),
        ask(user, collection, workflow_id=chosen),
        ask(stranger, collection, workflow_id=chosen),
    ]
    results = await start(rig, asks)
    mine = [one for one in results if isinstance(one, Started) and str(one.job_id) == chosen]
    # who comes first has the job; the other user is refused, or both of the first user's are
    assert sorted(codes(results[1:])) in (["Started", "Started", "conflict"], ["Started", "conflict", "conflict"])
    assert Counter(one.is_new for one in mine)[True] == 1
    assert len({one.output_ids for one in mine}) == 1


async def test_without_the_database_everybody_is_told_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    collection, user = await recipe(rig), await user_with(rig)
    tries = 0

    async def away(tx: Transaction, *_: Any, **__: Any) -> Any:
        nonlocal tries
        tries += 1
        await tx.execute("SELECT 1")  # others come meanwhile
        raise psycopg.OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(together, "start_all", away)
    results = await start(rig, [ask(user, collection) for _ in range(30)])
    assert set(codes(results)) == {"OperationalError"}
    assert tries == 2, "one for the first, one for all others"


async def test_a_lock_that_one_waits_for_holds_up_nobody_else(rig: Rig) -> None:
    """A neighbour's deck is locked: the others start before it is free."""
    collection, blocked, free = await recipe(rig), await user_with(rig), await user_with(rig)
    await start(rig, [ask(blocked, collection)])
    starts = Starts(rig.database, rig.dispatcher, credit.terms_from(rig.settings))
    async with rig.database.transaction() as tx:
        await tx.execute("SELECT FROM deck WHERE user_id = %s FOR UPDATE", (blocked,))
        asks = [ask(free, collection), ask(blocked, collection), ask(free, collection)]
        tasks = [asyncio.create_task(starts(one)) for one in asks]
        assert isinstance(await tasks[0], Started)
        assert isinstance(await tasks[2], Started)
        assert not tasks[1].done()
    assert isinstance(await tasks[1], Started)


Maker = Callable[[random.Random], Ask]


@pytest.mark.parametrize("seed", range(6))
async def test_neighbours_that_fail_change_nothing_for_the_others(rig: Rig, seed: int) -> None:
    """Any mixture: who has enough starts, who has not gets the reason, and not a credit or row is wrong afterwards."""
    chance = random.Random(seed)
    free, priced = await recipe(rig), await recipe(rig, price=1, generations=2)
    fine = [await user_with(rig, amount=1000) for _ in range(3)]
    poor, limited = await user_with(rig, amount=2 * 3), await user_with(rig, open_jobs=4)
    deck = new_id()
    kinds: dict[str, Maker] = {
        "fine": lambda c: ask(c.choice(fine), c.choice([free, priced])),
        "poor": lambda _: ask(poor, priced),
        "limited": lambda _: ask(limited, free),
        "unknown": lambda c: ask(c.choice(fine), str(new_id())),
        "no such output": lambda c: ask(c.choice(fine), free, output_id=deck),
        "unstorable": lambda c: ask(c.choice(fine), free, variables={"prompt": "a\x00b"}),
    }
    names = [chance.choice(list(kinds)) for _ in range(40)]
    results = await start(rig, [kinds[name](chance) for name in names])
    by_name: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    for name, code in zip(names, codes(results), strict=True):
        by_name[name][code] += 1
    asked = Counter(names)
    assert by_name["fine"] == Counter(Started=asked["fine"])
    assert by_name["unknown"] == Counter(not_found=asked["unknown"])
    assert by_name["no such output"] == Counter(not_found=asked["no such output"])
    assert by_name["poor"]["Started"] == min(3, asked["poor"])
    assert by_name["limited"]["Started"] == min(4, asked["limited"])
    assert not by_name["unstorable"]["Started"]
    assert all(isinstance(one, Started | AppError | psycopg.DataError) for one in results)
    await check_stored(rig.database, [one for one in results if isinstance(one, Started)])
    [account] = await rig.rows("SELECT available, held FROM credit_account WHERE user_id = %s", poor)
    assert account == {
        "available": (6 - 2 * by_name["poor"]["Started"]) * MICROS,
        "held": 2 * by_name["poor"]["Started"] * MICROS,
    }
