"""Spending limits of users and keys: what counts, and who is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from tests.apps import as_user, service_key
from tests.credits.endings import ended, state_of
from tests.credits.invariants import broken
from tests.credits.limiting import generate, key_of, limited, limits_of
from tests.credits.rig import TERMS, hold, user_with
from tests.factories import Collection, make_job
from tests.orchestrator.rig import Rig, failed_job
from tests.plans import Explaining, gather

from emprops.credits import limit_store, limits, service
from emprops.credits.amounts import MICROS
from emprops.credits.store import NewHold
from emprops.errors import SpendingLimitError
from emprops.kit.database import Database
from emprops.kit.ids import new_id


async def test_a_start_over_the_limit_is_refused_and_says_which_limit_it_was(
    database: Database, client: httpx2.AsyncClient, collection: Collection
) -> None:
    user_id = await limited(database, 5)
    assert (await generate(client, user_id, collection)).status_code == 200
    refused = await generate(client, user_id, collection)
    body = refused.json()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")
    assert (refused.status_code, body["code"], body["needed"], body["available"]) == (402, "spending_limit", 3, 2)
    assert body["error"] == (
        f"The operator's limit for this user, 5 credits a day, leaves 2 until {tomorrow}, and 3 are needed;"
        " wait until then, or ask the operator for more."
    )
    assert body["details"] == {
        "subject": "user",
        "period": "day",
        "set_by": "operator",
        "amount": 5,
        "spent": 3,
        "resets_at": tomorrow,
    }
    [shown] = await limits_of(client, as_user(user_id))
    assert shown == {**body["details"], "left": 2}
    async with database.reader() as reader:
        assert await reader.fetch_value("SELECT count(*) FROM job") == 1
        assert not await broken(reader)


async def test_what_is_given_back_may_be_spent_again_and_what_is_spent_may_not(
    database: Database, client: httpx2.AsyncClient, collection: Collection
) -> None:
    user_id = await limited(database, 5)
    for end, status in (("failed", 200), ("completed", 402)):
        job_id = UUID((await generate(client, user_id, collection)).json()["data"]["jobId"])
        assert await ended(database, job_id, end)
        assert (await generate(client, user_id, collection)).status_code == status
        async with database.transaction() as tx:
            for open_job in await tx.fetch_values("SELECT job_id FROM credit_hold WHERE state = 'held'"):
                await tx.execute("UPDATE job SET status = 'failed', completed_at = now() WHERE id = %s", (open_job,))
                await service.release(tx, open_job)


@pytest.mark.parametrize("period", ["day", "month"])
async def test_a_limit_starts_anew_with_each_period(
    database: Database, client: httpx2.AsyncClient, collection: Collection, period: str
) -> None:
    user_id = await limited(database, 3, period=period)
    job_id = UUID((await generate(client, user_id, collection)).json()["data"]["jobId"])
    assert await ended(database, job_id, "completed")
    assert (await generate(client, user_id, collection)).status_code == 402
    async with database.transaction() as tx:
        await tx.execute("UPDATE credit_hold SET updated_at = date_trunc(%s, now())", (period,))
    assert (await generate(client, user_id, collection)).status_code == 402
    async with database.transaction() as tx:
        await tx.execute("UPDATE credit_hold SET updated_at = date_trunc(%s, now()) - interval '1 us'", (period,))
    [shown] = await limits_of(client, as_user(user_id))
    assert (shown["spent"], shown["left"]) == (0, 3)
    assert (await generate(client, user_id, collection)).status_code == 200


async def test_a_step_settled_by_usage_counts_for_what_it_used(database: Database) -> None:
    user_id = await limited(database, 3)
    async with database.transaction() as tx:
        job_id = await hold(tx, user_id, 3 * MICROS)
        await tx.execute(
            "UPDATE credit_account SET held = held - amount, available = available + amount - 1"
            " FROM credit_hold h WHERE h.user_id = credit_account.user_id"
        )
        await tx.execute("UPDATE credit_hold SET state = 'captured', charged = 1 WHERE job_id = %s", (job_id,))
        [limit] = await limit_store.limits_of(tx, user_id, None)
        assert limit.spent == 1


async def test_as_many_starts_at_once_as_the_limit_of_a_user_allows(
    database: Database, client: httpx2.AsyncClient, collection: Collection
) -> None:
    user_id = await limited(database, 12.5)
    replies = await asyncio.gather(*(generate(client, user_id, collection) for _ in range(12)))
    assert sorted(reply.status_code for reply in replies) == [200] * 4 + [402] * 8
    async with database.reader() as reader:
        assert not await broken(reader)


async def test_a_limit_of_a_key_counts_what_all_its_users_spend_at_once(
    database: Database, client: httpx2.AsyncClient, collection: Collection, service: dict[str, str]
) -> None:
    _, key_id = await key_of(database, service)
    users = [await limited(database, 7, period="month", key_id=key_id) for _ in range(6)]
    replies = await asyncio.gather(*(generate(client, user_id, collection, service) for user_id in users * 2))
    assert sorted(reply.status_code for reply in replies) == [200] * 2 + [402] * 10
    refused = next(reply for reply in replies if reply.status_code == 402).json()
    assert refused["details"]["subject"] == "key"
    assert refused["error"].startswith("The operator's limit for this API key, 7 credits a month, leaves 1 until ")
    [shown] = await limits_of(client, service | as_user(users[0]))
    assert (shown["subject"], shown["spent"], shown["left"]) == ("key", 6, 1)
    # neither another key nor the user by himself is counted against it
    other = await service_key(database)
    assert await limits_of(client, other | as_user(users[0])) == []
    assert (await generate(client, users[0], collection, other)).status_code == 200
    assert (await generate(client, users[0], collection)).status_code == 200


async def test_a_job_that_ends_gives_its_key_room(
    database: Database, client: httpx2.AsyncClient, collection: Collection, service: dict[str, str]
) -> None:
    _, key_id = await key_of(database, service)
    user_id = await limited(database, 3, key_id=key_id)
    for end, status in (("cancelled", 200), ("completed", 402)):
        started = await generate(client, user_id, collection, service)
        assert await ended(database, UUID(started.json()["data"]["jobId"]), end)
        again = await generate(client, user_id, collection, service)
        assert again.status_code == status
        if status == 200:
            assert await ended(database, UUID(again.json()["data"]["jobId"]), "failed")


async def test_the_limit_that_leaves_least_is_named(database: Database) -> None:
    user_id = await limited(database, 5)
    async with database.transaction() as tx:
        await limits.set_limit(tx, "cli:test", 2 * MICROS, user_id=user_id, period="month", set_by="user")
        with pytest.raises(SpendingLimitError, match="The limit that this user set, 2 credits a month, leaves 2 until"):
            await hold(tx, user_id, 6 * MICROS)


async def test_a_retry_is_counted_like_a_start(rig: Rig) -> None:
    job_id = await failed_job(rig, price=3)
    async with rig.database.transaction() as tx:
        await limits.set_limit(tx, "cli:test", 2 * MICROS, user_id=rig.user_id, period="day")
    refused = await rig.post(job_id, "retry")
    assert (refused.status_code, refused.json()["code"]) == (402, "spending_limit")
    async with rig.database.transaction() as tx:
        assert await state_of(tx, job_id) == "released"
        await limits.set_limit(tx, "cli:test", 3 * MICROS, user_id=rig.user_id, period="day")
    await rig.ok(job_id, "retry")


async def test_without_enforcement_nothing_is_limited(database: Database) -> None:
    user_id = await limited(database, 0)
    async with database.transaction() as tx:
        job = await make_job(tx, user_id)
        await service.hold_again(tx, job.id, terms=TERMS)
        free = service.Terms(enforced=False)
        await service.hold(tx, [NewHold(user_id, job.id, 5, "")], terms=free)


async def test_what_was_spent_is_found_by_indexes(database: Database) -> None:
    async with database.transaction() as tx:
        users, key_id = [await user_with(tx, MICROS), await user_with(tx, MICROS)], new_id()
        await tx.execute(
            """
            INSERT INTO credit_hold (job_id, user_id, amount, state, key_id, updated_at)
            SELECT gen_random_uuid(), (%(users)s::uuid[])[1 + n %% 2], 5,
                   CASE WHEN n %% 50 = 0 THEN 'held' ELSE 'captured' END,
                   CASE WHEN n %% 40 = 0 THEN %(key)s::uuid END, now() - n * interval '1 hour'
            FROM generate_series(1, 6000) n
            """,
            {"users": users, "key": key_id},
        )
        for period in ("day", "month"):
            await limits.set_limit(tx, "cli:test", MICROS, user_id=users[0], period=period)
            await limits.set_limit(tx, "cli:test", MICROS, key_id=key_id, period=period)
        await gather(tx, "credit_hold")
        found = await limit_store.limits_of(tx, users[0], key_id)
        explaining = Explaining(tx.connection)
        await limit_store.limits_of(explaining, users[0], key_id)
        assert [(limit.subject, limit.period) for limit in found][:2] == [("user", "day"), ("user", "month")]
        for index in ("spent_by_user", "spent_by_key", "held_by_key"):
            assert f"credit_hold_{index}" in explaining.plan
        assert "Seq Scan on credit_hold" not in explaining.plan


async def test_a_limit_that_changes_meanwhile_waits_for_the_start(database: Database, app: FastAPI) -> None:
    """Setting a limit and a start that is counted against it take turns, and neither is aborted."""
    user_id = await limited(database, 5)
    del app
    first = asyncio.Event()

    async def lower() -> None:
        await first.wait()
        async with database.transaction() as tx:
            await limits.set_limit(tx, "cli:test", MICROS, user_id=user_id, period="day")

    async def start() -> None:
        async with database.transaction() as tx:
            await hold(tx, user_id, 4 * MICROS)
            first.set()

    await asyncio.gather(lower(), start())
    async with database.reader() as reader:
        [limit] = await limit_store.limits_of(reader, user_id, None)
        assert (limit.amount, limit.spent, limit.left) == (MICROS, 4 * MICROS, 0)
