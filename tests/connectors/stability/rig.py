"""Run the Stability connector."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.stability import KEY, FakeStability

from emprops.connectors.base import ConnectorError, Outcome
from emprops.connectors.stability.connector import StabilityApi
from emprops.settings import Settings

SOURCE = "https://files.example/source.jpg"
TEXT = {"prompt": "a fox"}
PICTURE = {"operation": "image_to_image", "prompt": "a fox", "image": SOURCE, "strength": 0.7}
FAST = {"operation": "upscale", "image": SOURCE}
CREATIVE = {"operation": "upscale", "model": "creative", "image": SOURCE, "prompt": "a fox"}
VIDEO = {"operation": "image_to_video", "image": SOURCE, "motion_bucket_id": 40, "cfg_scale": "1.8"}


class Pauses:
    """Takes the place of waiting: notes how long each wait would have been. ``then`` is called in each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.then: Any = None

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)
        if self.then is not None:
            self.then(len(self.seconds))


def settings_of(fake: FakeStability, key: str = KEY, max_result_bytes: int = 1024**3) -> Settings:
    return Settings(stability_api_key=key, stability_base_url=fake.base, max_result_bytes=max_result_bytes)  # type: ignore[arg-type]


async def run(
    connector: StabilityApi, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> Outcome:
    return await connector.run(make_ticket("stability_api", payload), RecordingContext(folder, inputs or {}))


async def failure(
    connector: StabilityApi, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, payload, folder, inputs)
    assert KEY not in f"{caught.value!r} {caught.value.details}"
    return caught.value
