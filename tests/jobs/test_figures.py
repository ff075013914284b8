"""How many jobs there are, and how they went by hour and day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.apps import as_user, service_key
from tests.factories import make_job, make_user
from tests.plans import Explaining, many_jobs

from emprops.credits.store import open_account
from emprops.jobs import figure_queries
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def ran(tx: Transaction, user: UUID, minute: int, *, wait: float, run: float, status: str = "completed") -> None:
    job = await make_job(tx, user, status=status)
    await tx.execute(
        """
        UPDATE job SET created_at = %(at)s, started_at = %(at)s + make_interval(secs => %(wait)s),
               completed_at = %(at)s + make_interval(secs => %(wait)s + %(run)s) WHERE id = %(id)s
        """,
        {"at": NOON + timedelta(minutes=minute), "wait": wait, "run": run, "id": job.id},
    )
    if status == "completed":
        await tx.execute(
            "INSERT INTO credit_hold (job_id, user_id, amount, state) VALUES (%s, %s, 250000, 'captured')",
            (job.id, user),
        )


@pytest.fixture
async def user(database: Database) -> UUID:
    """Three jobs after noon, one at one, one that waits; and one of another user."""
    async with database.transaction() as tx:
        user, other = await make_user(tx), await make_user(tx)
        for one in (user, other):
            await open_account(tx, one, 0)
        await ran(tx, user, 0, wait=1, run=10)
        await ran(tx, user, 5, wait=3, run=20)
        await ran(tx, user, 59, wait=2, run=30, status="failed")
        await ran(tx, user, 60, wait=7, run=1)
        await ran(tx, other, 10, wait=100, run=100)
        await make_job(tx, user, created_at=NOON + timedelta(minutes=70))
        await make_job(tx, user, status="completed", created_at=NOON - timedelta(days=60))
        return user


async def got(client: httpx2.AsyncClient, path: str, headers: dict[str, str], **query: Any) -> Any:
    reply = await client.get(path, params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


async def test_counts(client: httpx2.AsyncClient, database: Database, user: UUID) -> None:
    mine = {"pending": 1, "processing": 0, "completed": 4, "failed": 1, "since": None}
    assert await got(client, "/api/jobs/counts", as_user(user)) == mine
    nothing = {"pending": 0, "processing": 0, "completed": 0, "failed": 0, "since": None}
    assert await got(client, "/api/jobs/counts", as_user(new_id())) == nothing
    service = await service_key(database)
    assert await got(client, "/operator/jobs/counts", service, user_id=str(user)) == mine
    since = (NOON + timedelta(minutes=3)).isoformat()
    everybody = await got(client, "/operator/jobs/counts", service, since=since)
    assert everybody | {"since": ""} == {"pending": 1, "processing": 0, "completed": 3, "failed": 1, "since": ""}


async def test_series_by_hour_and_day(client: httpx2.AsyncClient, database: Database, user: UUID) -> None:
    span = {"from": (NOON - timedelta(minutes=30)).isoformat(), "until": (NOON + timedelta(hours=2)).isoformat()}
    before, noon, one = await got(client, "/api/jobs/series", as_user(user), **span)
    times = {"wait_p50": None, "wait_p95": None, "run_p50": None, "run_p95": None}
    empty = {"jobs": 0, "completed": 0, "failed": 0, **times, "credits": 0}
    assert before == {"at": f"{NOON - timedelta(hours=1):%Y-%m-%dT%H:00:00Z}", **empty}
    assert noon == {
        "at": f"{NOON:%Y-%m-%dT%H:00:00Z}",
        "jobs": 3,
        "completed": 2,
        "failed": 1,
        "credits": 0.5,
        "wait_p50": 2,
        "wait_p95": 2.9,
        "run_p50": 20,
        "run_p95": 29,
    }
    assert (one["jobs"], one["completed"], one["wait_p50"], one["credits"]) == (2, 1, 7, 0.25)
    service = await service_key(database)
    [day] = await got(client, "/operator/jobs/series", service, by="day", **span)
    assert (day["at"], day["jobs"], day["failed"], day["credits"]) == (f"{NOON:%Y-%m-%dT00:00:00Z}", 6, 1, 1)
    [day] = await got(client, "/operator/jobs/series", service, by="day", user_id=str(user), **span)
    assert day["jobs"] == 5
    assert len(await got(client, "/api/jobs/series", as_user(user))) in (24, 25)
    assert len(await got(client, "/api/jobs/series", as_user(user), by="day")) == 31


@pytest.mark.parametrize(
    "query",
    [
        *("by=week", "from=never", "from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"),
        *("from=2026-01-01T00:00:00Z&until=2026-02-02T00:00:00Z", "until=0001-01-01T00:00:00Z"),
        *("by=day&from=2024-01-01T00:00:00Z&until=2025-02-02T00:00:00Z", "from=9999-12-31T23:00:00Z"),
    ],
)
async def test_a_series_of_too_much_or_nothing_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/jobs/series?{query}", headers=as_user(new_id()))).status_code == 400


async def test_counts_of_everybody_are_bounded(client: httpx2.AsyncClient, database: Database) -> None:
    headers = await service_key(database)
    since = (datetime.now(UTC) - timedelta(days=32)).isoformat()
    refused = await client.get("/operator/jobs/counts", params={"since": since}, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "since may be 31 days ago; ask for less.")


class ExplainingDicts(Explaining):
    async def fetch_dicts(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        return await self.fetch_all(dict, sql, parameters)  # type: ignore[return-value]


async def test_figures_follow_indexes(database: Database) -> None:
    async with database.transaction() as tx:
        user = await many_jobs(tx)
        explaining = ExplainingDicts(tx.connection)
        explaining.without = ("seqscan",)
        await figure_queries.counts_of_user(explaining, user)
        assert "job_of_user" in explaining.plan  # once the table is vacuumed, the index by status alone
        await figure_queries.counts_of_all(explaining, NOON)
        assert "job_open" in explaining.plan
        assert "job_newest" in explaining.plan
        span = {"since": NOON, "until": NOON + timedelta(hours=5)}
        await figure_queries.series(explaining, user, unit="hour", **span)
        assert "Index Cond: ((user_id =" in explaining.plan, explaining.plan
        await figure_queries.series(explaining, None, unit="hour", **span)
        assert "job_newest" in explaining.plan
        assert "Seq Scan" not in explaining.plan
