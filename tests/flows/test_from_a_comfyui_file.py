"""The page "From a ComfyUI file to a collection", walked through with a worker and a server that speaks ComfyUI."""

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.apps import served
from tests.fakes.comfyui import FakeComfyUI
from tests.fakes.pictures import PNG
from tests.flows.conftest import System, worker_process
from tests.walkthrough import DOCS, file_of, walk
from tests.workflows.made_by_comfy import png, texts_of
from tests.workflows.saved import OBJECT_INFO, info, text_to_image

from emprops.queue.catalogues import Catalogues

PAGE = (DOCS / "how-to" / "from-a-comfyui-file.md").read_text()
PROMPT = ["STRING", {"multiline": True, "dynamicPrompts": True}]


def picture() -> bytes:
    """A picture of a workflow with a choice in its text, and with a node that does nothing."""
    saved = text_to_image()
    saved.nodes["6"]["widgets_values"] = ["a {red|white} fox"]
    saved.node(30, "Unheard of")
    return png(texts_of(saved.json()))


async def test_each_command_answers_as_the_page_shows(system: System, tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(picture())
    (tmp_path / "shared.png").write_bytes(PNG)
    (tmp_path / "collection.json").write_text(file_of(PAGE, "json"))
    classes = OBJECT_INFO | {"CLIPTextEncode": info({"text": PROMPT, "clip": ["CLIP"]})}
    fake = FakeComfyUI(pictures={".png": PNG}, classes=classes)
    async with served(fake.app()) as client:  # type: ignore[arg-type]
        fake.base = str(client.base_url).rstrip("/")
        environment = {
            "API": str(system.http.base_url).rstrip("/"),
            "USER_ID": str(system.user_id),
            "COMFYUI": fake.base,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        knobs = {"EMPROPS_WORKER_CONNECTORS": "comfyui", "EMPROPS_COMFYUI_URL": fake.base}
        async with worker_process(system.settings, **knobs):
            shown = Catalogues(system.redis, system.settings.queue_prefix)
            async with asyncio.timeout(60):
                while not await shown.all():  # noqa: ASYNC110 - another process shows it
                    await asyncio.sleep(0.05)
            await walk(PAGE, tmp_path, environment)
        [asked] = fake.bodies("/prompt")
        await fake.restart()
    sent = asked["prompt"]["6"]["inputs"]["text"]
    assert re.fullmatch(r"a (red|white|black) fox ", sent), "the comment took the rest of the line"
    assert asked["prompt"]["3"]["inputs"]["seed"] == 7
