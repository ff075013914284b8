"""A job's life where the worker has a ComfyUI."""

import pytest
import redis.asyncio
from tests.orchestrator.conftest import rig, rig_settings
from tests.orchestrator.rig import Rig
from tests.queue.helpers import Worker

from emprops.queue.matching import Offer

__all__ = ["rig", "rig_settings"]


@pytest.fixture(autouse=True)
def comfyui(rig: Rig, redis: redis.asyncio.Redis) -> None:
    rig.worker = Worker(redis, offers={"comfyui": Offer()})
