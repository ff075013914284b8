"""Every page with something on it: light and dark, narrow and wide, nothing inaccessible, nothing cut off.

``make pictures`` runs it with more on the pages, and keeps what it saw for ``docs/``.
"""

import asyncio
import io
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.console.conftest import OVERFLOW, Console, Scheme, Window

PICTURES = os.environ.get("EMPROPS_PICTURES")
"""Where to keep pictures of the pages; the suite keeps none."""
PROMPTS = (
    "a lighthouse at dusk",
    "mountains under a full moon",
    "a forest in the fog",
    "waves at sunrise",
    "a city at night in the rain",
    "a desert under stars",
    "an autumn meadow",
    "northern lights over a lake",
    "a sailing boat at sunset",
    "snow on the hills",
    "a volcano at night",
    "a field of flowers in spring",
)


KEPT = {(name, 1600) for name in ("start", "create-form", "library", "output", "compare", "deck", "jobs", "job")} | {
    (name, 320) for name in ("start", "create-form", "library", "job")
}
"""Pages and widths that ``docs/`` shows."""


@dataclass
class Content:
    """What is on the pages."""

    job_id: str
    output_ids: list[str]
    deck_id: str

    def pages(self) -> dict[str, str]:
        """Every address of the console's URL table, by a name."""
        first, second = self.output_ids[:2]
        return {
            "start": "/",
            "create": "/create",
            "create-form": f"/create/art?job={self.job_id}",
            "library": "/library",
            "lightbox": f"/library?open={first}",
            "output": f"/o/{first}",
            "compare": f"/compare?a={first}&b={second}",
            "decks": "/decks",
            "deck": f"/decks/{self.deck_id}",
            "jobs": "/jobs",
            "job": f"/jobs/{self.job_id}",
            "lost": "/nowhere",
        }


@pytest.fixture
async def content(console: Console, console_worker: None) -> Content:
    """Finished pictures in a deck, and one of them enlarged."""
    system = console.system
    prompts = PROMPTS if PICTURES else PROMPTS[:3]
    jobs = [
        await system.generate("art", {"prompt": prompt, "seed": number, "width": 768, "height": 640})
        for number, prompt in enumerate(prompts)
    ]
    await asyncio.gather(*map(system.finished, jobs))
    outputs = await system.get("/outputs")
    [first, second, *_] = [str(output["id"]) for output in outputs]
    developed = await system.post(f"/outputs/{first}/develop", {"collection_id": "upscale"})
    await system.finished(developed.json()["data"]["job_id"])
    return Content(jobs[0], [first, second], outputs[0]["deck"]["id"])


async def settled(window: Window, path: str) -> None:
    page = await window.open(path)
    await page.wait_for_load_state("networkidle")
    await page.evaluate("Promise.all([...document.images].map(image => image.decode().catch(() => {})))")


async def keep(window: Window, name: str) -> None:
    """Keep a picture of the page, as large as a page of the documentation shows it."""
    picture = Image.open(io.BytesIO(await window.page.screenshot())).convert("RGB")
    picture.thumbnail((1200, 1200))
    picture.save(Path(str(PICTURES)) / f"{name}.jpg", quality=84, optimize=True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1600), ("dark", 320)])
async def test_every_page(console: Console, content: Content, scheme: Scheme, width: int) -> None:
    async with console.window(scheme=scheme, width=width, height=900) as window:
        for name, path in content.pages().items():
            await settled(window, path)
            assert await window.page.evaluate(OVERFLOW) <= 0, f"{name} scrolls sideways at {width} px"
            assert await window.faults() == [], name
            if PICTURES and (name, width) in KEPT:
                await keep(window, f"console-{name}-{width}")
        window.clean()
