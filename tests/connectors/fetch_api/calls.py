"""Payloads of HTTP calls, and what a run with one gives."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.contract import RecordingContext, make_ticket

from emprops.connectors.base import ConnectorError, Outcome
from emprops.connectors.fetch_api.connector import FetchApi

KEY = "sk-live-0123456789"


class Pauses:
    """Takes the place of waiting: notes how long each wait would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def wait(url: str, output: str = ".url", **api: Any) -> dict[str, Any]:
    definition = {"url": url, "method": "POST", "fetchType": "wait", "wait": {"outputExprJq": output}}
    return {"api": definition | api, "body": {"prompt": "a fox"}, "output_mime_type": "image/png"}


def polling(url: str, poll_url: str, **more: Any) -> dict[str, Any]:
    how = {
        "url": poll_url,
        "params": {"id": {"exprJq": ".id"}},
        "continueWhenExpr": '.status == "RUNNING"',
        "stopWhenExpr": '.status == "FAILED"',
        "outputExprJq": ".output[]",
    }
    definition = {"url": url, "fetchType": "polling", "polling": how | more}
    return {"api": definition, "body": {"prompt": "a fox"}, "output_mime_type": "image/png"}


async def run(connector: FetchApi, payload: dict[str, Any], folder: Path) -> Outcome:
    return await connector.run(make_ticket("fetch_api", payload), RecordingContext(folder))


async def failure(connector: FetchApi, payload: dict[str, Any], folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, payload, folder)
    assert KEY not in f"{caught.value!r} {caught.value.details}"
    return caught.value
