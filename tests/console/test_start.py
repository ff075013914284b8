"""The start page: what to do first, what runs, what was made last."""

from playwright.async_api import expect
from tests.console.conftest import OVERFLOW, Console, Window


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


async def test_what_runs_grows_into_a_result_without_a_reload(
    console: Console, slow_art: str, console_worker: None, window: Window
) -> None:
    page = await window.open()
    await page.get_by_text("press Ctrl+Enter").wait_for()
    await console.system.generate(slow_art, {"prompt": "a quiet harbour"})
    now = page.get_by_role("region", name="Now")
    await expect(now.get_by_role("progressbar")).to_be_visible()
    assert await page.title() == "(1) Home · EmProps"
    result = page.get_by_role("region", name="Recent results").get_by_role("link", name="a quiet harbour")
    await expect(result.locator("img")).to_be_visible()
    await expect(now).to_have_count(0)
    assert await page.title() == "Home · EmProps"
    assert await window.faults() == []
    await page.emulate_media(color_scheme="dark")
    assert await window.faults() == []
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate(OVERFLOW) == 0
    first = page.get_by_role("navigation", name="Create").get_by_role("link").first
    await expect(first).to_have_text("Generative Art")  # what was used last
    await first.click()
    await page.wait_for_url("**/create/art")
