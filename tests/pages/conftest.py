"""Pages over the real engines, and a headless Chromium to look at them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx2
import pytest
import redis.asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, Request
from tests.apps import api, client_of, served
from tests.factories import Collection, make_collection, make_deck, make_output

from emprops.kit.database import Database
from emprops.media.storage import FolderStorage, public_url
from emprops.settings import Settings


@dataclass
class Site:
    """The api, and files and outputs for its pages."""

    app: FastAPI
    http: httpx2.AsyncClient
    settings: Settings
    database: Database
    storage: FolderStorage

    async def output(
        self,
        name: str,
        content: bytes,
        mime_type: str,
        *,
        playback_id: str | None = None,
        deck_id: UUID | None = None,
        collection: Collection | None = None,
    ) -> UUID:
        """A completed output of a stored file."""
        await self.storage.put_bytes(name, content, mime_type)
        async with self.database.transaction() as tx:
            file_id = await tx.fetch_value(
                "INSERT INTO flat_file (url, mime_type, mux_asset_id, mux_playback_id) VALUES (%s, %s, %s, %s)"
                " RETURNING id",
                (name, mime_type, playback_id and f"asset-{playback_id}", playback_id),
            )
            return await make_output(
                tx,
                collection,
                deck_id=deck_id,
                status="completed",
                url=public_url(self.settings, name),
                mime_type=mime_type,
                flat_file_id=file_id,
            )

    async def deck(self, status: str = "published", name: str = "Evening Light") -> tuple[UUID, Collection]:
        async with self.database.transaction() as tx:
            collection = await make_collection(tx, title="Quiet Harbours")
            return await make_deck(tx, collection, status=status, name=name), collection

    async def owner_of(self, output_id: UUID) -> UUID:
        async with self.database.reader() as reader:
            owner: UUID = await reader.fetch_value("SELECT user_id FROM output WHERE id = %s", (output_id,))
            return owner


@pytest.fixture
async def app(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    async with api(settings, database, redis, tmp_path / "files") as app:
        yield app


@pytest.fixture
async def site(app: FastAPI, settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    async with client_of(app) as client:
        yield Site(app, client, settings, database, FolderStorage(tmp_path / "files"))


@pytest.fixture
async def served_site(site: Site) -> AsyncIterator[Site]:
    """The same on a real address, for browsers."""
    async with served(site.app) as client:
        yield Site(site.app, client, site.settings, site.database, site.storage)


class Window:
    """A page that reaches nothing but this machine, and what it complained about."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page, self.site = page, site
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        page.on("requestfailed", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def _note(self, request: Request) -> None:
        """Remember what was asked of another host, none of which is found; not what the page's policy had refused."""
        if not request.url.startswith((str(self.site.http.base_url), "blob:", "data:")) and request.failure != "csp":
            self.elsewhere.append(request.url)

    async def open(self, path: str) -> Page:
        await self.page.goto(f"{str(self.site.http.base_url).rstrip('/')}{path}", wait_until="load")
        return self.page


@asynccontextmanager
async def window(
    browser: Browser, site: Site, *, scripts: bool = True, width: int = 1000, scheme: Literal["light", "dark"] = "light"
) -> AsyncIterator[Window]:
    context = await browser.new_context(
        java_script_enabled=scripts, viewport={"width": width, "height": 700}, color_scheme=scheme
    )
    page = await context.new_page()
    yield Window(page, site)
    await context.close()


@pytest.fixture
async def with_scripts(browser: Browser, served_site: Site) -> AsyncIterator[Window]:
    async with window(browser, served_site) as opened:
        yield opened


@pytest.fixture
async def without_scripts(browser: Browser, served_site: Site) -> AsyncIterator[Window]:
    async with window(browser, served_site, scripts=False) as opened:
        yield opened
