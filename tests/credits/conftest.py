"""The api in this process, for users who start with nothing."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from fastapi import FastAPI
from tests.apps import api
from tests.factories import Collection, make_collection, make_noop_workflow
from tests.orchestrator.conftest import rig, rig_settings

from emprops.kit.database import Database, Transaction
from emprops.settings import Settings

__all__ = ["rig", "rig_settings"]

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
    name = await make_noop_workflow(tx, FORM, price=price)
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


@pytest.fixture
async def collection(database: Database) -> Collection:
    """A public collection whose generation costs 3 credits."""
    async with database.transaction() as tx:
        return await make_priced_collection(tx, 3)
