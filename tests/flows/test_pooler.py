"""Behind PgBouncer in transaction mode, as managed PostgreSQL often is, every accepted generation completes."""

import asyncio

import redis.asyncio
from tests.engines import DATABASE, Engines
from tests.flows.conftest import running_system, worker_process
from tests.pooler import pgbouncer, pooled_uri

from emprops.kit.database import database_from
from emprops.settings import Settings


async def test_every_generation_completes(
    flow_settings: Settings,
    redis: redis.asyncio.Redis,  # empties Redis first
    engines: Engines,
) -> None:
    with pgbouncer(engines.postgres.sockets, sessions=3) as sockets:
        settings = flow_settings.model_copy(
            update={"database_url": pooled_uri(sockets, DATABASE), "stream_limit_per_user": 21}
        )
        database = database_from(settings)
        await database.open()
        async with running_system(settings, database, redis) as system, worker_process(settings):
            jobs = await asyncio.gather(*(system.generate("story") for _ in range(21)))
            ended = await asyncio.gather(*(system.finished(job_id) for job_id in jobs))
        async with database.reader() as reader:
            outputs = await reader.fetch_value("SELECT count(*) FROM output WHERE status = 'completed'")
        await database.close()
    assert [job["status"] for job in ended] == ["completed"] * 21
    assert outputs == 21
