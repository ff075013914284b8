"""What a small team writes by hand: an api that stores a job and enqueues it with arq, and a worker that ends it.

Durable, and nothing else: no turns, credits, decks, history, fences or files. It runs in an environment of its own, see
``bench/race/peers.py``.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI
from pydantic import BaseModel

DATABASE, REDIS = os.environ["RACE_DATABASE"], RedisSettings.from_dsn(os.environ["RACE_REDIS"])
TABLE = """
    CREATE TABLE IF NOT EXISTS homemade_job (
        id uuid PRIMARY KEY, status text NOT NULL, variables jsonb NOT NULL, result text,
        created_at timestamptz NOT NULL DEFAULT now()
    )
"""


class Body(BaseModel):
    variables: dict[str, Any]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(DATABASE, min_size=10, max_size=10) as app.state.database:
        await app.state.database.execute(TABLE)
        app.state.queue = await create_pool(REDIS)
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/generate")
async def generate(body: Body) -> dict[str, Any]:
    job_id = uuid.uuid4()
    insert = "INSERT INTO homemade_job (id, status, variables) VALUES ($1, 'pending', $2)"
    await app.state.database.execute(insert, job_id, json.dumps(body.variables))
    await app.state.queue.enqueue_job("work", str(job_id))
    return {"data": {"id": str(job_id)}}


@app.get("/jobs/{job_id}")
async def read(job_id: uuid.UUID) -> dict[str, Any]:
    row = await app.state.database.fetchrow("SELECT * FROM homemade_job WHERE id = $1", job_id)
    return {"data": dict(row) | {"variables": json.loads(row["variables"])}}


async def startup(context: dict[str, Any]) -> None:
    context["database"] = await asyncpg.create_pool(DATABASE, min_size=5, max_size=10)


async def work(context: dict[str, Any], job_id: str) -> None:
    key = uuid.UUID(job_id)
    await context["database"].execute("UPDATE homemade_job SET status = 'processing' WHERE id = $1", key)
    end = "UPDATE homemade_job SET status = 'completed', result = 'done' WHERE id = $1"
    await context["database"].execute(end, key)
    await context["redis"].publish("homemade:ended", job_id)


class WorkerSettings:
    functions = [work]  # noqa: RUF012 - as arq has it
    on_startup = startup
    redis_settings = REDIS
    max_jobs = 100
    poll_delay = 0.01
    keep_result = 0
