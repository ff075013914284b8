"""The api in this process, for users who start with nothing."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from fastapi import FastAPI
from psycopg.types.json import Jsonb
from tests.apps import api
from tests.factories import Collection, make_collection

from emprops.kit.database import Database, Transaction
from emprops.kit.ids import new_id
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
        yield app


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
