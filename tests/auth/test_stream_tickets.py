"""Tickets that open one job's stream, once."""

from uuid import UUID

import httpx2
import redis.asyncio
from tests.auth.conftest import ANNA, BERT, MakeKey
from tests.auth.tokens import good
from tests.factories import make_job

from emprops.auth.tickets import TICKET_LIFE
from emprops.kit.database import Database


def as_anna() -> dict[str, str]:
    """Made when it is sent: a token that was made while the tests were collected may have ended by then."""
    return {"Authorization": f"Bearer {good()}"}


async def ended_job(database: Database) -> UUID:
    """A job whose stream ends by itself."""
    async with database.transaction() as tx:
        return (await make_job(tx, ANNA, status="completed", progress=100)).id


async def ticket_for(client: httpx2.AsyncClient, job_id: UUID, headers: dict[str, str]) -> str:
    response = await client.post(f"/api/jobs/{job_id}/stream-ticket", headers=headers)
    assert response.status_code == 201
    assert response.json()["data"]["expires_in"] == TICKET_LIFE
    return str(response.json()["data"]["ticket"])


async def test_a_ticket_opens_its_stream_once(
    production: httpx2.AsyncClient, database: Database, add_key: MakeKey
) -> None:
    job_id = await ended_job(database)
    for headers in (as_anna(), {"X-API-Key": await add_key("service")}):
        ticket = await ticket_for(production, job_id, headers)
        first = await production.get(f"/api/jobs/{job_id}/stream", params={"ticket": ticket})
        assert first.status_code == 200
        assert "event: job_update" in first.text
        second = await production.get(f"/api/jobs/{job_id}/stream", params={"ticket": ticket})
        assert second.status_code == 401
        assert second.json()["error"] == "The stream ticket is not valid; ask for a new one."


async def test_a_ticket_opens_nothing_else(production: httpx2.AsyncClient, database: Database) -> None:
    mine, another = await ended_job(database), await ended_job(database)
    ticket = await ticket_for(production, mine, as_anna())
    for path in (f"/jobs/{mine}", f"/jobs/{mine}/history", "/jobs", "/whoami"):
        assert (await production.get(path, params={"ticket": ticket})).status_code == 401
    assert (await production.get(f"/jobs/{another}/stream", params={"ticket": ticket})).status_code == 401
    # shown at the wrong door, it is used up
    assert (await production.get(f"/jobs/{mine}/stream", params={"ticket": ticket})).status_code == 401
    for nonsense in ("", "x", "é" * 30):
        assert (await production.get(f"/jobs/{mine}/stream", params={"ticket": nonsense})).status_code == 401
    assert (await production.get(f"/jobs/{mine}/stream", params={"ticket": "x" * 101})).status_code == 400


async def test_only_those_who_may_read_get_one(production: httpx2.AsyncClient, database: Database) -> None:
    job_id = await ended_job(database)
    others = {"Authorization": f"Bearer {good(sub=str(BERT))}"}
    assert (await production.post(f"/jobs/{job_id}/stream-ticket", headers=others)).status_code == 404
    assert (await production.post(f"/jobs/{job_id}/stream-ticket")).status_code == 401


async def test_redis_forgets_it_and_never_knows_it(
    production: httpx2.AsyncClient, database: Database, redis: redis.asyncio.Redis
) -> None:
    ticket = await ticket_for(production, await ended_job(database), as_anna())
    (key,) = await redis.keys("*stream_ticket:*")
    assert 0 < await redis.ttl(key) <= TICKET_LIFE
    assert ticket.encode() not in key + await redis.get(key)
