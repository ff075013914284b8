"""The official client, and an api whose jobs a test moves."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI
from tests.apps import served
from tests.openai_api.door import Door
from tests.orchestrator.conftest import rig, rig_settings
from tests.orchestrator.rig import Rig

from emprops.settings import Settings

__all__ = ["rig", "rig_settings"]


@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    """What waits hears of an end by a poke or, within the patience of a test, not at all."""
    return settings.model_copy(update={"stream_poll": 120.0, "openai_models": "gpt-image-1=art"})


@pytest.fixture
async def door(rig: Rig) -> AsyncIterator[Door]:
    async with served(rig.app) as http:
        key = await Door.key_of(rig)
        async with AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key=key, max_retries=0) as client:
            yield Door(rig, http, client, key)
