"""What tests of the create pages share: a collection with every kind of field, and a look at what was begun."""

import io
from typing import Any

from PIL import Image
from playwright.async_api import Page, expect
from tests.console.conftest import Console

LARGEST = 2**64 - 1

EVERYTHING: dict[str, Any] = {
    "version": "v2",
    "steps": [
        {
            "id": 1,
            "fromId": 1,
            "nodeName": "local_image",
            "alias": "Paint",
            "nodePayload": {"prompt": "{{prompt}}", "width": 256, "height": 256},
        }
    ],
    "variables": [
        {"name": "prompt", "label": "Prompt", "type": "text", "multiline": True, "value": "a red fox"},
        {
            "name": "title",
            "label": "Title",
            "type": "text",
            "multiline": False,
            "required": False,
            "max_length": 20,
            "placeholder": "Evening",
            "description": "Stands under the picture.",
        },
        {"name": "strength", "label": "Strength", "type": "number", "value": 0.5, "min": 0, "max": 1, "step": 0.25},
        {"name": "budget", "label": "Budget", "type": "number", "value_type": "integers", "value": 7, "max": 100_000},
        {
            "name": "mood",
            "label": "Mood",
            "type": "pick",
            "value": {"values": ["calm", 2], "display_names": ["Calm sea", "Second"]},
        },
        {"name": "noise_seed", "label": "Noise", "type": "number", "value_type": "integers", "required": False},
        {"name": "photo", "label": "Photo", "type": "text", "value_type": "images", "required": False},
        {
            "name": "clip",
            "label": "Clip",
            "type": "text",
            "value_type": "videos",
            "required": False,
            "group": "Moving",
        },
        {
            "name": "sound",
            "label": "Sound",
            "type": "text",
            "value_type": "audios",
            "required": False,
            "group": "Moving",
        },
    ],
    "generations": {"generations": 2, "hashes": [], "use_custom_hashes": False},
}


async def make_everything(console: Console, title: str = "Everything", **changes: Any) -> str:
    """Publish a collection with every kind of field; return its id."""
    data = EVERYTHING | changes
    made = await console.system.post("/api/collections", {"title": title, "data": data})
    assert made.status_code in (200, 201), made.text
    collection_id = str(made.json()["data"]["id"])
    published = await console.system.post(f"/api/collections/{collection_id}/publish", {})
    assert published.status_code == 200, published.text
    return collection_id


async def make_slow(console: Console) -> str:
    """Publish a collection that makes two pictures, which takes a while; return its id."""
    payload = {"prompt": "{{prompt}}", "width": 1024, "height": 1024, "style": "bloom"}
    step = EVERYTHING["steps"][0] | {"nodePayload": payload}
    return await make_everything(
        console, "Slow", steps=[step], variables=EVERYTHING["variables"][:1], generations={"generations": 2}
    )


async def jobs_of(console: Console) -> list[dict[str, Any]]:
    """All jobs of the user, the newest first, with what they were asked for."""
    jobs: list[dict[str, Any]] = await console.system.get("/api/jobs?include=data")
    return jobs


def picture(color: str = "teal") -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(file, "PNG")
    return file.getvalue()


async def result(page: Page) -> None:
    """Wait for the picture on the stage."""
    shown = page.get_by_alt_text("The result", exact=True)
    await expect(shown).to_have_js_property("complete", True)
    assert await shown.evaluate("picture => picture.naturalWidth") > 0
