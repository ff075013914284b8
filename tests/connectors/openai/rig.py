"""Run the OpenAI connector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.openai import KEY, FakeOpenAI

from emprops.connectors.base import ConnectorError, Outcome
from emprops.connectors.openai.connector import OpenAI
from emprops.settings import Settings

CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "Describe a fox."}]}
IMAGE = {"prompt": "a fox", "size": "1024x1024"}
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}
SOURCE = "https://files.example/source.jpg"


def settings_of(fake: FakeOpenAI, key: str = KEY, max_result_bytes: int = 1024**3) -> Settings:
    return Settings(openai_api_key=key, openai_base_url=f"{fake.base}/v1", max_result_bytes=max_result_bytes)  # type: ignore[arg-type]


async def run(
    connector: OpenAI, job_type: str, payload: Mapping[str, Any], folder: Path, inputs: Mapping[str, Path] | None = None
) -> Outcome:
    return await connector.run(make_ticket(job_type, payload), RecordingContext(folder, inputs or {}))


async def failure(connector: OpenAI, job_type: str, payload: Mapping[str, Any], folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, job_type, payload, folder)
    assert KEY[:9] not in f"{caught.value!r} {caught.value.details}"
    return caught.value
