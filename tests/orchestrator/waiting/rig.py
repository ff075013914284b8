"""Requests that wait for a job, and what happens to it meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
from tests.apps import as_user
from tests.orchestrator.rig import Rig, make_recipe

STARTED = {"jobId", "outputIds", "warnings"}
LONG = {"Prefer": "wait=60"}


async def collection(rig: Rig, price: float = 0) -> str:
    async with rig.database.transaction() as tx:
        return str((await make_recipe(tx, price=price)).id)


async def generate(
    rig: Rig, collection_id: str, query: str = "", client: httpx2.AsyncClient | None = None, **headers: str
) -> httpx2.Response:
    return await (client or rig.client).post(
        f"/api/collections/{collection_id}/generate{query}",
        json={"variables": {}},
        headers={**as_user(rig.user_id), **headers},
    )


async def until(fact: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not fact():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)


async def ticket_is_there(rig: Rig) -> None:
    """Wait for the job that is started meanwhile."""
    await until(lambda: rig.dispatcher._waiting)
    await rig.dispatcher.flush()


async def both_of(answer: Awaitable[httpx2.Response], meanwhile: Awaitable[Any]) -> httpx2.Response:
    response, _ = await asyncio.gather(answer, meanwhile)
    return response
