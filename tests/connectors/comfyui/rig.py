"""Graphs, connectors and runs for the tests of the ComfyUI connector."""

import asyncio
import io
import wave
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.connectors.contract import RecordingContext, make_ticket
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.comfyui_rules import CLASSES

from emprops.connectors.base import ConnectorError, Outcome
from emprops.connectors.comfyui.connector import ComfyUI
from emprops.settings import Settings


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, form)
    return buffer.getvalue()


GLB = b"glTF\x02\0\0\0\x54\0\0\0\x40\0\0\0JSON" + b'{"asset":{"version":"2.0"}}'.ljust(64)
"""A model without anything in it: header, and one chunk of JSON."""


def sound() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return buffer.getvalue()


PNG, SOURCE = picture(), picture(size=(3, 3))


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def make(fake: FakeComfyUI, **options: Any) -> ComfyUI:
    return ComfyUI(Settings(comfyui_url=fake.base), pause=at_once, **options)


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs} | ({"_meta": {"title": title}} if title else {})


def graph(**middle: Any) -> dict[str, Any]:
    """A graph with nodes of the test's between the model and the picture."""
    between = {name.removeprefix("n"): content for name, content in middle.items()}
    before = {"1": node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"), **between}
    links = {f"from_{name}": [name, 0] for name, content in before.items() if not is_output(content)}
    return {**before, "9": node("SaveImage", **links)}


def is_output(content: dict[str, Any]) -> bool:
    return bool(CLASSES.get(str(content.get("class_type")), {}).get("output_node"))


GATED = graph(n2=node("Gate"))


async def run(connector: ComfyUI, content: Any, folder: Path, **context: Any) -> Outcome:
    return await connector.run(make_ticket("comfyui", {"workflow": content}), RecordingContext(folder, **context))


async def failure(connector: ComfyUI, content: Any, folder: Path) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await run(connector, content, folder)
    return caught.value


def begin(connector: ComfyUI, content: Any, folder: Path) -> "asyncio.Task[Outcome]":
    return asyncio.create_task(run(connector, content, folder))
