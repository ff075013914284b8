"""Files elsewhere and here, and the outputs that show them."""

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from tests import factories
from tests.apps import as_user

from emprops.kit.database import Database
from emprops.settings import Settings

HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def png(size: tuple[int, int] = (900, 600)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    return buffer.getvalue()


class Elsewhere:
    """Somebody's web server: files by name, and what was asked for. ``status`` is what it answers."""

    def __init__(self) -> None:
        self.files = {"file.mp4": png(), "page.png": HTML, "broken.png": png()[:60]}
        self.asked: list[str] = []
        self.status = 200
        self.base = ""

    async def answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked.append(name)
        if self.status != 200 or name not in self.files:
            return Response(status_code=self.status if self.status != 200 else 404)
        return Response(self.files[name], media_type="video/mp4")


Complete = Callable[..., Awaitable[dict[str, Any]]]


async def shown(client: httpx2.AsyncClient, collection: factories.Collection, output_id: str) -> dict[str, Any]:
    data: dict[str, Any] = (await client.get(f"/outputs/{output_id}", headers=as_user(collection.user_id))).json()[
        "data"
    ]
    return data


async def body(client: httpx2.AsyncClient, settings: Settings, url: str) -> httpx2.Response:
    reply = await client.get(url.removeprefix(settings.base_url))
    assert reply.status_code == 200
    return reply


async def due_again(database: Database) -> None:
    async with database.reader() as writer:
        await writer.execute("UPDATE output_import SET run_after = now()")
        await writer.execute("UPDATE flat_file SET inspect_after = now()")


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def stored(database: Database, storage: Any, collection: factories.Collection, content: bytes) -> UUID:
    async with database.transaction() as tx:
        file_id = await factories.make_file(tx, key="generations/a/0.png")
        output = await factories.make_output(
            tx,
            collection,
            status="completed",
            flat_file_id=file_id,
            url="http://localhost:3001/files/generations/a/0.png",
        )
    await storage.put_bytes("generations/a/0.png", content, "image/png")
    return output
