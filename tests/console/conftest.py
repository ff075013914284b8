"""An installation as one person runs it on one machine, with a worker, and a headless Chromium that looks at its
console."""

import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
import redis.asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, expect
from tests.flows.conftest import System, flow_settings, running_system, slowed_art, worker_process
from tests.processes import pause

from emprops.auth.local_user import local_user
from emprops.kit.database import Database
from emprops.settings import Settings

__all__ = ["flow_settings"]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNREACHABLE = re.compile(r"Failed to load resource: net::ERR_|WebSocket connection to .* failed")
"""What Chromium itself says in the console when the api is away."""

Scheme = Literal["light", "dark"]

PATIENCE = 60_000
"""Milliseconds to wait for what a page should show: busy machines are slow."""
expect.set_options(timeout=PATIENCE)


@dataclass
class Window:
    """A page of the console, and what it complained about."""

    page: Page
    context: BrowserContext
    base: str
    errors: list[str] = field(default_factory=list)
    """Errors in the console, violations of the Content-Security-Policy among them, and uncaught exceptions."""
    elsewhere: list[str] = field(default_factory=list)
    """What it asked of other hosts."""

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("requestfailed", self._note)

    def _note(self, request: Request) -> None:
        """Remember what was asked of another host, none of which is found; not what the page's policy had refused."""
        if not request.url.startswith((self.base, "blob:", "data:")) and request.failure != "csp":
            self.elsewhere.append(request.url)

    async def open(self, path: str = "/") -> Page:
        """Open a page of the console, named as in its URL table."""
        await self.page.goto(f"{self.base}/console{path}", wait_until="load")
        await self.page.locator("main#page, main").first.wait_for()
        return self.page

    async def faults(self) -> list[dict[str, Any]]:
        """What axe finds that is serious or critical, on the page as it is."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("axe.run({ resultTypes: ['violations'] })")
        return [
            {"id": fault["id"], "where": [node["html"][:120] for node in fault["nodes"]], "help": fault["help"]}
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def clean(self) -> None:
        """Nothing was violated, nothing went wrong, nothing came from elsewhere."""
        assert (self.errors, self.elsewhere) == ([], [])


def asked_for(page: Page, what: str) -> list[str]:
    """Collect the URLs with this in them that a page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if what in request.url else None)
    return asked


@dataclass
class Console:
    """An installation, and windows on its console."""

    system: System
    browser: Browser

    @property
    def base(self) -> str:
        return str(self.system.http.base_url).rstrip("/")

    @asynccontextmanager
    async def window(
        self, *, scheme: Scheme = "light", width: int = 1200, height: int = 800, **options: Any
    ) -> AsyncIterator[Window]:
        """A browser of its own, without cookies."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", **options
        )
        context.set_default_timeout(PATIENCE)
        try:
            yield await self.tab(context)
        finally:
            await context.close()

    async def tab(self, context: BrowserContext) -> Window:
        """One more tab of the same browser."""
        window = Window(await context.new_page(), context, self.base)
        window.watch()
        return window


@pytest.fixture(scope="session")
def console_settings(flow_settings: Settings) -> Settings:
    return flow_settings.model_copy(update={"mode": "local"})


async def running(console: Console, job_id: str, worker: Process) -> None:
    """Hold a worker up when it has begun a job."""
    async for _, told in console.system.events(job_id):
        if isinstance(told, dict) and told["status"] == "processing":
            await pause(worker)
            return


@pytest.fixture
async def console(
    console_settings: Settings, database: Database, redis: redis.asyncio.Redis, browser: Browser
) -> AsyncIterator[Console]:
    """The api with sample collections, for the user of this machine; add ``console_worker`` for one that works."""
    async with running_system(console_settings, database, redis) as system:
        system.user_id = UUID(local_user(console_settings.data_dir))
        yield Console(system, browser)


@pytest.fixture
async def slow_art(console: Console) -> str:
    """A collection whose picture takes seconds."""
    return await slowed_art(console.system.database)


@pytest.fixture(scope="module")
async def console_worker(console_settings: Settings) -> AsyncIterator[None]:
    """A worker with the built-in engine, for all tests of a module."""
    async with worker_process(console_settings):
        yield


@pytest.fixture
async def worker(console: Console) -> AsyncIterator[Process]:
    """A worker that can be held up in the middle of its work, with SIGSTOP and SIGCONT."""
    async with worker_process(console.system.settings) as process:
        yield process
        process.send_signal(signal.SIGCONT)


@pytest.fixture
async def window(console: Console) -> AsyncIterator[Window]:
    """A window of ordinary size; at the end it must have had nothing to complain about."""
    async with console.window() as window:
        yield window
        window.clean()
