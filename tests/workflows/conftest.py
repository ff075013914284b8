"""A user's requests about workflows."""

import httpx2
import pytest
from tests.workflows.rig import Workflows


@pytest.fixture
def workflows(client: httpx2.AsyncClient) -> Workflows:
    return Workflows(client)
