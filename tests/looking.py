"""Looks into files without a process for each."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from emprops.media import inspect, probe
from emprops.media.thumbnail import UnreadableError


@pytest.fixture
def looked_at_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look into files in this process: the same code, without the half second that a process of its own takes."""

    async def ask(kind: str, demuxer: str, path: Path, thumbnail: Path, timeout: float) -> dict[str, Any]:
        await asyncio.to_thread(thumbnail.unlink, missing_ok=True)
        try:
            return inspect.look(kind, demuxer, str(path), str(thumbnail))
        except UnreadableError as error:
            return {"error": str(error)}

    monkeypatch.setattr(probe, "_ask", ask)
