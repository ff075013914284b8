"""The api in this process, for users who start with nothing."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from psycopg.types.json import Jsonb
from tests.apps import api, client_of
from tests.factories import Collection, make_collection

from emprops.auth import store as auth
from emprops.auth.caller import SERVICE
from emprops.auth.keys import make_key
from emprops.generations.tickets import Dispatcher, limits_from
from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
from emprops.queue.claims import Queue
from emprops.settings import Settings

FORM = {
    "fields": [
        {"id": "prompt", "type": "prompt_editor"},
        {"id": "quality", "type": "select", "options": ["draft", "final"], "default": "draft"},
    ]
}


@pytest.fixture(scope="session")
def poor(settings: Settings) -> Settings:
    """Settings under which nobody gets anything to start with."""
    return settings.model_copy(update={"credits_initial": Decimal(0)})


@pytest.fixture
async def app(poor: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with api(poor, database, redis, tmp_path) as app:
        app.state.dispatcher = Dispatcher(database, Queue(redis, prefix=poor.queue_prefix), limits_from(poor))
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def service(database: Database) -> dict[str, str]:
    """Headers of a service."""
    key = make_key()
    async with database.transaction() as tx:
        await auth.add_key(
            tx, prefix=key.prefix, digest=key.digest, name="test", scopes=[SERVICE], owner=None, life=None
        )
    return {"X-API-Key": key.text}


async def make_priced_collection(
    tx: Transaction, price: Any, *, generations: int = 1, quality: str = "{{quality}}"
) -> Collection:
    """A public collection of one step whose workflow has this price; ``quality`` is a variable of it."""
    name = f"priced_{new_id()}"
    data = {
        "form": FORM,
        "inputs": [{"id": field["id"], "pathJq": f".payload.{field['id']}"} for field in FORM["fields"]],
        "job": {"service_required": "noop", "payload": {}},
        "credits": price,
    }
    await tx.execute(
        """
        INSERT INTO workflow (id, name, label, type, data, output_mime_type)
        VALUES (%s, %s, '', 'direct_job', %s, 'image/png')
        """,
        (new_id(), name, Jsonb(data)),
    )
    recipe = {
        "version": "v2",
        "steps": [{"id": 1, "nodeName": name, "nodePayload": {"prompt": "{{prompt}}", "quality": quality}}],
        "variables": [
            {"name": "prompt", "type": "text", "test_value": "a quiet harbour"},
            {"name": "quality", "type": "text", "test_value": "draft"},
        ],
        "generations": {"generations": generations},
    }
    return await make_collection(tx, data=recipe, is_public=True)
