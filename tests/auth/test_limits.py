"""Rate limits: counted per caller, told in headers, shared through Redis, and in force while it is away."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from tests.apps import api, client_of
from tests.auth.conftest import ANNA, BERT, MakeKey, OpenApi
from tests.auth.tokens import SECRET
from tests.engines import Engines
from tests.factories import make_collection, make_output

from emprops.auth.limits import LEAVE_ALONE, WINDOW, Allowance, RateLimiter
from emprops.auth.tokens import make_token
from emprops.kit.database import Database
from emprops.kit.redis import connect
from emprops.main import create_app
from emprops.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def bearer(user_id: UUID) -> dict[str, str]:
    token = make_token(user_id, secret=SECRET, issuer="emprops", audience="emprops", life=60)
    return {"Authorization": f"Bearer {token}"}


async def test_one_too_many(open_api: OpenApi) -> None:
    async with open_api(jwt_secret=SECRET, rate_limit=3) as client:
        replies = [await client.get("/whoami", headers=bearer(ANNA)) for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
        refused = replies[-1]
        assert refused.headers["x-ratelimit-limit"] == "3"
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert 40 < int(refused.headers["x-ratelimit-reset"]) <= 60
        assert refused.json()["code"] == "too_many_requests"
        assert refused.json()["error"] == "More than 3 requests a minute; try again later."
        other = await client.get("/whoami", headers=bearer(BERT))
        assert (other.status_code, other.headers["x-ratelimit-remaining"]) == (200, "2")


async def test_failures_count_and_say_so(open_api: OpenApi) -> None:
    async with open_api(jwt_secret=SECRET, rate_limit=2) as client:
        missing = await client.get(f"/outputs/{ANNA}", headers=bearer(ANNA))
        assert (missing.status_code, missing.headers["x-ratelimit-remaining"]) == (404, "1")


async def test_who_is_not_counted(open_api: OpenApi, add_key: MakeKey) -> None:
    service, reader, worker = await add_key("service"), await add_key("read"), await add_key("worker")
    async with open_api(jwt_secret=SECRET, rate_limit=1) as client:
        for _ in range(3):
            assert (await client.post("/service", headers={"X-API-Key": service})).status_code == 200
            assert (await client.get("/open", headers={"X-API-Key": worker})).status_code == 200
            assert "x-ratelimit-limit" not in (await client.get("/health")).headers
        for_anna = {"X-API-Key": service, "user_id": str(ANNA)}
        assert [(await client.post("/service", headers=for_anna)).status_code for _ in range(2)] == [200, 429]
        by_key = {"X-API-Key": reader}
        assert [(await client.get("/whoami", headers=by_key)).status_code for _ in range(2)] == [200, 429]
        assert (await client.get("/whoami", headers=bearer(ANNA))).status_code == 200  # a bucket of its own


@pytest.fixture
async def working(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    limited = settings.model_copy(update={"generation_rate_limit": 2, "credits_initial": Decimal(0)})
    async with api(limited, database, redis, tmp_path) as app, client_of(app) as client:
        yield client


async def test_work_has_a_limit_of_its_own(working: httpx2.AsyncClient, database: Database) -> None:
    async with database.transaction() as tx:
        collection = await make_collection(tx)
        output = await make_output(tx, collection)
    user = {"user_id": str(ANNA)}
    tried = [
        await working.post(path, json={"variables": {}, "collection_id": str(collection.id)}, headers=user)
        for path in (
            f"/api/collections/{collection.id}/generate",
            f"/outputs/{output}/develop",
            f"/generator/v2/{collection.id}",
            f"/collections/{collection.id}/generations",
            f"/jobs/{output}/retry",
        )
    ]
    assert [reply.status_code for reply in tried] == [404, 404, 429, 429, 429]
    assert tried[2].json()["error"] == "More than 2 generations a minute; try again later."
    assert (await working.get("/jobs", headers=user)).status_code == 200


async def test_redis_and_the_process_count_alike(redis: redis.asyncio.Redis) -> None:
    clock = Clock()
    limiter = RateLimiter(Settings(mode="test"), clock)
    here = [limiter._count_here("a", 5) for _ in range(7)]
    shared = [await limiter.count(redis, "a", 5) for _ in range(7)]
    assert [one.allowed for one in here] == [one.allowed for one in shared] == [True] * 5 + [False] * 2
    assert [round(one.level, 1) for one in shared] == pytest.approx([one.level for one in here], abs=0.5)
    assert 0 < await redis.pttl("emprops:rate:a") <= WINDOW * 1000


def test_a_bucket_leaks() -> None:
    clock = Clock()
    limiter = RateLimiter(Settings(mode="test"), clock)
    while limiter._count_here("a", 4).allowed:
        pass
    full = limiter._count_here("a", 4)
    assert (full.level, full.wait) == (WINDOW, 15)
    clock.now += full.wait
    assert limiter._count_here("a", 4).allowed
    assert not limiter._count_here("a", 4).allowed
    clock.now += 10 * WINDOW
    assert [limiter._count_here("a", 4).allowed for _ in range(5)] == [True] * 4 + [False]


def test_what_is_told_is_never_too_much() -> None:
    for limit in (1, 7, 60, 600, 1000):
        full = Allowance(limit, False, WINDOW)
        assert full.headers["X-RateLimit-Remaining"] == "0"
        assert full.wait >= 1


async def test_limits_outlive_redis(settings: Settings, engines: Engines) -> None:
    clock = Clock()
    limiter = RateLimiter(settings, clock)
    client = connect(settings.redis_url)
    try:
        engines.kill_redis()
        assert [(await limiter.count(client, "a", 2)).allowed for _ in range(3)] == [True, True, False]
        engines.restart_redis()
        assert not (await limiter.count(client, "a", 2)).allowed  # left alone for a while
        clock.now += LEAVE_ALONE
        assert (await limiter.count(client, "a", 2)).allowed
    finally:
        await client.aclose()


def test_defaults() -> None:
    assert (Settings(mode="local").requests_a_minute, Settings(mode="local").generations_a_minute) == (0, 0)
    production = Settings(mode="production")
    assert (production.requests_a_minute, production.generations_a_minute) == (600, 60)
    assert Settings(mode="production", rate_limit=0).requests_a_minute == 0
    assert create_app(Settings(mode="test", rate_limit=5)).state.limiter is not None
