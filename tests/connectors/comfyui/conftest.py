from collections.abc import AsyncIterator

import pytest
from tests.apps import served
from tests.connectors.comfyui.rig import GLB, PNG, make, picture, sound
from tests.fakes.comfyui import FakeComfyUI

from emprops.connectors.comfyui.connector import ComfyUI


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FakeComfyUI]:
    fake = FakeComfyUI(pictures={".png": PNG, ".gif": picture("GIF"), ".wav": sound(), ".glb": GLB})
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        await fake.restart()


@pytest.fixture
async def comfy(server: FakeComfyUI) -> FakeComfyUI:
    await server.renew()
    return server


@pytest.fixture
async def connector(comfy: FakeComfyUI) -> AsyncIterator[ComfyUI]:
    made = make(comfy)
    yield made
    await made.close()
