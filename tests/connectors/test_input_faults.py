"""Every fault of whoever has an input file, through the worker's context, against every connector that takes one."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.apps import served
from tests.connectors.contract import make_ticket
from tests.fakes import openai, stability
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.faults import FAULTS, RETRY_AFTER, Faulty
from tests.fakes.pictures import PNG

from emprops.connectors.base import Connector
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.connectors.local_engine.connector import LocalEngine
from emprops.connectors.openai.connector import OpenAI
from emprops.connectors.stability.connector import StabilityApi
from emprops.kit.outbound.client import GuardedClient
from emprops.media.storage import FolderStorage
from emprops.queue.messages import Claim, Finished
from emprops.settings import Settings
from emprops.worker.board import Board
from emprops.worker.context import Context
from emprops.worker.run import run_claim

WRONG = frozenset({"gigantic", "wrong_type", "html_200"})
"""Faults after which the file itself is at fault: the payload names another one, or none."""


@dataclass
class FileServer(Faulty):
    """Has one picture. ``base`` is set once it is served."""

    base: str = ""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/a.png", self.wrap(self.picture))])

    async def picture(self, _: Request) -> Response:
        return Response(PNG, media_type="image/png")


@pytest.fixture(scope="module")
async def files() -> AsyncIterator[FileServer]:
    fake = FileServer()
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        yield fake
        fake.heal()


@pytest.fixture(scope="module")
async def connectors(files: FileServer) -> AsyncIterator[list[tuple[Connector, str, dict[str, Any]]]]:
    """Each with a job type and a payload that names an input file."""
    url = f"{files.base}/a.png"
    talker, painter, machine = openai.FakeOpenAI(), stability.FakeStability(), FakeComfyUI(pictures={".png": PNG})
    async with (
        served(talker.app()) as talks,  # type: ignore[arg-type]
        served(painter.app()) as paints,  # type: ignore[arg-type]
        served(machine.app()) as runs,  # type: ignore[arg-type]
    ):
        settings = Settings(
            openai_api_key=openai.KEY,  # type: ignore[arg-type]
            openai_base_url=f"{talks.base_url}/v1",
            stability_api_key=stability.KEY,  # type: ignore[arg-type]
            stability_base_url=str(paints.base_url),
            comfyui_url=str(runs.base_url),
        )
        edit = {"prompt": "a fox", "image": url}
        look = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        graph = {
            "1": {"class_type": "LoadImage", "inputs": {"image": url}},
            "2": {"class_type": "SaveImage", "inputs": {}},
        }
        made: list[tuple[Connector, str, dict[str, Any]]] = [
            (LocalEngine(settings), "local_upscale", {"image": url, "factor": 2}),
            (OpenAI(settings), "openai_image", edit),
            (OpenAI(settings), "openai_chat", {"model": "m", "messages": look}),
            (StabilityApi(settings), "stability_api", edit | {"operation": "image_to_image", "strength": 0.5}),
            (ComfyUI(settings), "comfyui", {"workflow": graph}),
        ]
        yield made
        for connector, _, _ in made:
            await connector.close()
        await machine.restart()


async def finished(
    connector: Connector, job_type: str, payload: dict[str, Any], files: FileServer, folder: Path, idle: float
) -> Finished:
    settings = Settings(outbound_allow=urlsplit(files.base).netloc)
    claim, board, http = Claim(make_ticket(job_type, payload), "t" * 32, 1), Board(), GuardedClient(settings, idle=idle)
    board.add(claim, lambda: None, time.monotonic())
    storage = FolderStorage(folder)
    context = Context(claim, board=board, storage=storage, http=http, settings=settings)
    try:
        return await run_claim(claim, connector, context, storage)
    finally:
        await http.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_an_input_has_its_meaning(
    connectors: list[tuple[Connector, str, dict[str, Any]]],
    files: FileServer,
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emprops.worker.context.MAX_INPUT_BYTES", 1024 * 1024)
    for connector, job_type, payload in connectors:
        files.fault = fault
        ended = await finished(connector, job_type, payload, files, tmp_path, 0.3 if fault == "slow" else 30.0)
        files.heal()
        assert ended.failure == ("bad_input" if fault in WRONG else "retryable"), (job_type, ended)
        assert ended.retry_after == (RETRY_AFTER if fault == "429" else None), job_type
        assert "<html" not in f"{ended.error} {ended.details}"
        assert not await asyncio.to_thread(lambda: [path for path in tmp_path.rglob("*") if path.is_file()])


async def test_without_a_fault_each_of_them_works(
    connectors: list[tuple[Connector, str, dict[str, Any]]], files: FileServer, tmp_path: Path
) -> None:
    for connector, job_type, payload in connectors:
        ended = await finished(connector, job_type, payload, files, tmp_path, 30.0)
        assert ended.failure is None, (job_type, ended)
