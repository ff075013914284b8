"""What is around every page: its look, its keys, the palette, being cut off, tabs, and signing out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis.asyncio
from playwright.async_api import Browser, expect
from tests.apps import service_key
from tests.console.conftest import OVERFLOW, UNREACHABLE, Console, Window
from tests.factories import make_job, make_session, make_user
from tests.flows.conftest import running_system

from emprops.auth.session_cookie import LOOPBACK_COOKIE
from emprops.kit.database import Database
from emprops.settings import Settings

GROUND = "getComputedStyle(document.documentElement).backgroundColor"
SAMPLES = """
addEventListener('DOMContentLoaded', () => {
    const frame = () => { (window.grounds ??= new Set()).add(%s); requestAnimationFrame(frame); };
    frame();
});
"""
RUBBISH = ("/o/x", "/jobs/not-a-uuid", "/decks/%3Cb%3E", "/create/..%2f..")
MEANINGLESS = (
    "/compare?a=x&b=y",
    "/create/art?job=bad&from=bad&input=bad",
    "/decks?status=zzz",
    "/jobs?status=zzz&period=7&selected=x&collection=x",
    "/library?open=bad&status=zzz&since=zzz&ids=a,b&page=9",
)


class Cable:
    """A connection to the api that can be pulled out."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._host, self._to = parts.hostname or "", parts.port or 0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def base(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._connect, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pull_out(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        api_reader, api_writer = await asyncio.open_connection(self._host, self._to)
        self._ends |= {writer, api_writer}
        await asyncio.gather(self._pass_on(reader, api_writer), self._pass_on(api_reader, writer))
        self._ends -= {writer, api_writer}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def cable(console: Console) -> AsyncIterator[Cable]:
    cable = Cable(console.base)
    await cable.plug_in()
    yield cable
    await cable.pull_out()


async def test_the_theme_is_there_from_the_first_frame(console: Console) -> None:
    async with console.window(scheme="light") as window:
        page = await window.open()
        light = await page.evaluate(GROUND)
        await page.get_by_role("button", name="Account and settings").click()
        await page.get_by_role("menuitemradio", name="Dark").click()
        dark = await page.evaluate(GROUND)
        assert dark != light
        await page.add_init_script(SAMPLES % GROUND)
        await page.reload()
        await page.get_by_role("navigation", name="Main").wait_for()
        assert await page.evaluate("[...window.grounds]") == [dark]
        await page.get_by_role("button", name="Account and settings").click()
        await page.get_by_role("menuitemradio", name="Compact").click()
        await page.get_by_role("menuitemradio", name="As the system").click()
        assert await page.evaluate(GROUND) == light
        await page.emulate_media(color_scheme="dark")
        assert await page.evaluate(GROUND) == dark
        assert await page.evaluate("document.documentElement.dataset.density") == "compact"
        assert await window.faults() == []
        window.clean()


async def test_keys_lead_everywhere(console: Console) -> None:
    async with console.window(width=320, height=640) as window:
        page = await window.open()
        await page.get_by_role("navigation", name="Main").wait_for()
        await page.keyboard.press("?")
        keys = page.get_by_role("dialog", name="Keyboard shortcuts")
        await keys.get_by_text("Go to Library").wait_for()
        assert await window.faults() == []
        await page.keyboard.press("Escape")
        await expect(keys).to_have_count(0)
        await page.keyboard.press("g")
        await page.keyboard.press("j")
        await page.wait_for_url("**/jobs")
        await expect(page.locator("main#page")).to_be_focused()  # so that screen readers say where one is
        job = await console.system.generate("art", {"prompt": "a fox"})
        [output] = (await console.system.get(f"/api/jobs/{job}"))["output_ids"]
        for text, leads in (
            ("Generative Art", "/create/art"),
            ("Decks", "/decks"),
            (job, f"/jobs/{job}"),
            (output, f"/o/{output}"),
        ):
            await page.keyboard.press("Control+k")
            await page.get_by_role("combobox", name="Go to").fill(text)
            await expect(page.get_by_role("option").first).to_contain_text(text)
            assert await page.evaluate(OVERFLOW) == 0
            if text == output:
                await page.keyboard.press("ArrowDown")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**{leads}")
        window.clean()


async def test_without_the_api_a_banner_says_so_and_the_page_goes_on(console: Console) -> None:
    async with cable(console) as way, console.window() as window:
        window.base = way.base
        page = await window.open("/jobs")
        await page.get_by_role("heading", name="No jobs yet").wait_for()
        await way.pull_out()
        await page.get_by_text("The server cannot be reached.").wait_for()
        assert await window.faults() == []
        await console.system.generate("art", {"prompt": "meanwhile"})
        await way.plug_in()
        await expect(page.get_by_text("The server cannot be reached.")).to_have_count(0)
        await expect(page.locator("main ul > li")).to_have_count(1)
        assert [error for error in window.errors if not UNREACHABLE.search(error)] == []


async def test_a_job_of_one_tab_appears_in_the_other_also_when_the_first_is_closed(console: Console) -> None:
    async with console.window() as first:
        await first.open("/jobs")
        await first.page.get_by_role("heading", name="No jobs yet").wait_for()
        second = await console.tab(first.context)
        await second.open("/jobs")
        await console.system.generate("art", {"prompt": "one"})
        for page in (first.page, second.page):
            await expect(page.locator("main ul > li")).to_have_count(1)
        await first.page.close()
        await console.system.generate("art", {"prompt": "two"})
        await expect(second.page.locator("main ul > li")).to_have_count(2)
        second.clean()


@pytest.fixture
async def elsewhere(
    flow_settings: Settings, database: Database, redis: redis.asyncio.Redis, browser: Browser
) -> AsyncIterator[Console]:
    """An installation that is not the user's own machine, so everybody has to sign in."""
    async with running_system(flow_settings, database, redis) as system:
        yield Console(system, browser)


async def sign_in(window: Window, secret: str) -> None:
    """Let a window have the session of somebody who is not the user of this machine."""
    await window.context.add_cookies([{"name": LOOPBACK_COOKIE, "value": secret, "url": window.base}])


async def test_signing_out_forgets_what_was_seen_and_written(console: Console) -> None:
    await console.system.generate("art", {"prompt": "a secret"})
    async with console.window() as window:
        page = await window.open("/jobs")
        other = await console.tab(window.context)
        await other.open("/jobs")
        for one in (page, other.page):
            await one.get_by_role("link", name="Generative Art").wait_for()
        await page.evaluate("localStorage.setItem('emprops.draft.art', 'a secret')")
        await page.evaluate("localStorage.setItem('emprops.theme', 'dark')")
        await page.get_by_role("button", name="Account and settings").click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await page.get_by_role("heading", name="Sign in to EmProps").wait_for()
        await expect(page.get_by_text("Generative Art")).to_have_count(0)
        assert await page.evaluate("Object.keys(localStorage)") == ["emprops.theme"]
        assert await window.faults() == []
        window.clean()


async def test_a_session_that_is_ended_elsewhere_leads_to_the_sign_in_page(elsewhere: Console) -> None:
    async with elsewhere.system.database.transaction() as tx:
        user = await make_user(tx)
        secrets = [await make_session(tx, user) for _ in range(2)]
    async with elsewhere.window() as lost, elsewhere.window(width=320, height=640) as kept:
        for window, secret in zip((lost, kept), secrets, strict=True):
            await sign_in(window, secret)
            await window.open("/jobs")
            await window.page.get_by_role("heading", name="No jobs yet").wait_for()
        await kept.page.get_by_role("button", name="Account and settings").click()
        await kept.page.get_by_role("menuitem", name="Signed-in devices").click()
        devices = kept.page.get_by_role("dialog", name="Signed-in devices")
        assert await kept.faults() == []
        await devices.get_by_role("button", name="End").click()
        await expect(devices.get_by_role("listitem")).to_have_count(1)
        await lost.page.get_by_role("heading", name="Sign in to EmProps").wait_for()
        await lost.page.get_by_label("API key or token").fill("nonsense")
        await lost.page.get_by_role("button", name="Sign in").click()
        await expect(lost.page.get_by_label("API key or token")).to_have_attribute("aria-invalid", "true")
        assert await lost.faults() == []
        kept.clean()


async def test_a_link_signs_in_and_asks_before_it_does_so_over_somebody(elsewhere: Console) -> None:
    system = elsewhere.system
    async with system.database.transaction() as tx:
        anna, bert = await make_user(tx), await make_user(tx)
    service = await service_key(system.database)

    async def link_for(user: UUID) -> str:
        made = await system.http.post("/session/links", headers=service, json={"user_id": str(user)})
        return "/#" + urlsplit(made.json()["data"]["url"]).fragment

    async with elsewhere.window() as window:
        page = await window.open(await link_for(anna))
        await page.get_by_role("navigation", name="Main").wait_for()
        assert "#" not in page.url
        for answer, user in (("Stay as I am", anna), ("Sign in with the link", bert)):
            await page.goto("about:blank")
            await window.open(await link_for(bert))
            await page.get_by_role("heading", name="Sign in with this link?").wait_for()
            assert await window.faults() == []
            await page.get_by_role("button", name=answer).click()
            await page.get_by_role("navigation", name="Main").wait_for()
            me = await page.evaluate("fetch('/me').then(answer => answer.json())")
            assert me["data"]["user_id"] == str(user)
        window.clean()


async def test_users_see_nothing_of_operators(console: Console) -> None:
    async with console.system.database.transaction() as tx:
        user = await make_user(tx)
        secret = await make_session(tx, user)
        await make_job(tx, user, status="completed")
    async with console.window() as window:
        await sign_in(window, secret)
        page = await window.open()
        await page.get_by_role("navigation", name="Create").wait_for()
        await expect(page.get_by_text("A worker is live")).to_have_count(0)
        await page.get_by_role("button", name="Account and settings").click()
        await page.get_by_role("menuitem", name="Signed-in devices").click()
        await page.get_by_role("dialog").get_by_text("This browser").wait_for()
        window.clean()


async def test_who_only_looks_sees_no_actions(console: Console) -> None:
    async with console.system.database.transaction() as tx:
        user = await make_user(tx)
        secret = await make_session(tx, user, role="viewer")
        job = await make_job(tx, user, status="failed")
    async with console.window() as window:
        await sign_in(window, secret)
        page = await window.open(f"/jobs/{job.id}")
        await page.get_by_role("heading", name="Timeline").wait_for()
        await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
        await page.goto(f"{window.base}/console/jobs")
        await expect(page.locator("main ul > li")).to_have_count(1)
        await expect(page.get_by_role("checkbox")).to_have_count(0)
        await page.goto(f"{window.base}/console/decks")
        await page.get_by_role("heading", name="No decks yet").wait_for()
        await expect(page.get_by_role("button", name="New deck")).to_have_count(0)
        window.clean()


async def test_addresses_that_make_no_sense_say_so_in_plain_words(window: Window) -> None:
    for path in RUBBISH:
        page = await window.open(path)
        await page.get_by_role("heading", name="There is no such").wait_for()
    for path in MEANINGLESS:
        page = await window.open(path)
        await page.wait_for_load_state("networkidle")
        await expect(page.get_by_role("alert")).to_have_count(0)
    assert all("Failed to load resource" in error for error in window.errors)
    window.errors.clear()  # Chromium tells of every 404
