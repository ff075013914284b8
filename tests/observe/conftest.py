from collections.abc import Iterator

import pytest
import redis.asyncio
from tests.engines import Engines
from tests.orchestrator.conftest import rig, rig_settings
from tests.queue.helpers import PREFIX

from emprops.queue.fleet import FleetMember

__all__ = ["rig", "rig_settings"]


@pytest.fixture
def member(engines: Engines) -> Iterator[FleetMember]:
    with redis.Redis(unix_socket_path=engines.redis_socket) as blocking:
        yield FleetMember(blocking, PREFIX)
