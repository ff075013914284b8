"""The requests that Open WebUI and LibreChat make, which are no official clients, and cannot run here."""

import base64
from typing import Any

import pytest
from tests.fakes.pictures import PNG
from tests.openai_api.door import Door

pytestmark = pytest.mark.timeout(60)

WITHIN = {"response_format": "b64_json"}
ALL_AUTO = {"quality": "auto", "size": "auto", "output_format": "png"}
GENERATIONS: dict[str, dict[str, Any]] = {
    "Open WebUI": {"n": 1, "size": "512x512", **WITHIN},
    "LibreChat": {"n": 1, "background": "auto", **ALL_AUTO, **WITHIN},
    "LibreChat before it had models": {"n": 1, "background": "auto", **ALL_AUTO},
}
EDITS = {
    "Open WebUI": ({"n": "1", **WITHIN}, "image"),
    "Open WebUI with several": ({"n": "1", "size": "512x512", "background": "auto", **WITHIN}, "image[]"),
    "LibreChat": ({**ALL_AUTO, **WITHIN}, "image[]"),
}


async def picture_of(door: Door, path: str, **request: Any) -> bytes:
    headers = {"Authorization": f"Bearer {door.key}"}
    reply = await door.made(door.http.post(f"/v1{path}", headers=headers, **request))
    assert reply.status_code == 200, reply.text
    (image,) = reply.json()["data"]
    return base64.b64decode(image["b64_json"])


@pytest.mark.parametrize("program", GENERATIONS)
async def test_pictures_are_made_for(door: Door, program: str) -> None:
    model = await door.make_model()
    body = {"model": model, "prompt": "a quiet harbour", **GENERATIONS[program]}
    assert await picture_of(door, "/images/generations", json=body) == PNG


@pytest.mark.parametrize("program", EDITS)
async def test_pictures_are_changed_for(door: Door, program: str) -> None:
    model = await door.make_model()
    fields, part = EDITS[program]
    data = {"model": model, "prompt": "add a boat", **fields}
    files = [(part, ("harbour.png", PNG, "image/png"))]
    assert await picture_of(door, "/images/edits", data=data, files=files) == PNG
