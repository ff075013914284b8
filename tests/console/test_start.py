"""The start page: what to do first, what runs, what was made last."""

import signal
from asyncio.subprocess import Process

from playwright.async_api import expect
from tests.console.conftest import OVERFLOW, Console, Window, running


async def test_a_new_installation_says_what_to_do(console: Console, window: Window) -> None:
    page = await window.open()
    await page.get_by_text("Start one: emprops worker").wait_for()
    await expect(page.get_by_text("There is something to create from")).to_be_visible()
    await expect(page.get_by_text("1,000 credits")).to_be_visible()
    assert await page.title() == "Home · EmProps"
    assert await window.faults() == []
    async with console.system.database.transaction() as tx:
        await tx.execute("UPDATE collection SET status = 'draft', is_public = false")
    await page.reload()
    await page.get_by_text("Start one: emprops worker").wait_for()


async def test_one_click_and_one_key_make_a_picture(console: Console, console_worker: None, window: Window) -> None:
    page = await window.open()
    await page.get_by_role("navigation", name="Create").get_by_role("link", name="Generative Art").click()
    await page.get_by_role("textbox", name="Prompt").wait_for()
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_alt_text("The result")).to_be_visible()


async def test_what_runs_grows_into_a_result_without_a_reload(
    console: Console, slow_art: str, worker: Process, window: Window
) -> None:
    page = await window.open()
    await page.get_by_text("press Ctrl+Enter").wait_for()  # a worker takes seconds to start
    job = await console.system.generate(slow_art, {"prompt": "a quiet harbour"})
    await running(console, job, worker)
    now = page.get_by_role("region", name="Now")
    await expect(now.get_by_role("progressbar")).to_be_visible()
    await expect(page).to_have_title("(1) Home · EmProps")
    worker.send_signal(signal.SIGCONT)
    result = page.get_by_role("region", name="Recent results").get_by_role("link", name="a quiet harbour")
    await expect(result.locator("img")).to_be_visible()
    await expect(now).to_have_count(0)
    await expect(page).to_have_title("Home · EmProps")
    assert await window.faults() == []
    await page.emulate_media(color_scheme="dark")
    assert await window.faults() == []
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate(OVERFLOW) == 0
    first = page.get_by_role("navigation", name="Create").get_by_role("link").first
    await expect(first).to_have_text("Generative Art")  # what was used last
    await first.click()
    await page.wait_for_url("**/create/art")
