"""Waits that hear of an end at once, or not at all."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from tests.apps import served
from tests.orchestrator.rig import Rig

from emprops.jobs.ends import Ends
from emprops.settings import Settings


@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    """A wait here hears of an end by a poke or, within the patience of a test, not at all."""
    return settings.model_copy(update={"stream_poll": 120.0, "wait_limit_per_user": 2})


@pytest.fixture
def impatient(rig: Rig) -> None:
    """Waits are over almost at once."""
    rig.app.state.resources = replace(
        rig.app.state.resources, settings=rig.settings.model_copy(update={"wait_longest": 0.05})
    )


@pytest.fixture
def ends(rig: Rig) -> Ends:
    ends: Ends = rig.app.state.ends
    return ends


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(rig.app) as client:
        yield client
