"""Read what ``/metrics`` says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families
from tests.apps import api, client_of

from emprops.kit.database import Database
from emprops.settings import Settings

TOKEN = "8zQ4hT1vB7nX2kM5wR9cD3fG6jL0pS-metrics"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Figures:
    """Each sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures.get((f"emprops_{name}", frozenset(labels.items())), 0.0)


async def scraped(client: httpx2.AsyncClient, **headers: str) -> Figures:
    response = await client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain")
    return parsed(response.text)


@asynccontextmanager
async def production(
    settings: Settings, database: Database, client: redis.asyncio.Redis, folder: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    changed = {"mode": "production", "jwt_secret": "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY", "metrics_token": TOKEN}
    strict = Settings.model_validate({**settings.model_dump(), **changed})
    async with api(strict, database, client, folder) as app, client_of(app) as caller:
        yield caller
