"""Two outputs against each other: by mouse, by keys, and in words."""

import re

import pytest
from playwright.async_api import expect
from tests.console.conftest import OVERFLOW, Console, Window
from tests.console.shelf import Shelf, shelf_in


@pytest.fixture
async def shelf(console: Console) -> Shelf:
    return await shelf_in(console)


async def test_two_that_are_selected_are_compared_by_keys_alone(window: Window, shelf: Shelf) -> None:
    b = await shelf.picture(0, prompt="a fox", seed=2**64 - 1, style="silk")
    a = await shelf.picture(4, prompt="a fox", seed=2**64 - 2, palette="<b>ink</b>")
    page = await window.open("/library")
    await page.locator(f'[data-id="{a}"]').wait_for()
    await page.keyboard.press("Home")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Space")
    await page.keyboard.press("c")
    await expect(page).to_have_url(re.compile(f"/compare.*a={a}.*b={b}"))

    slider = page.get_by_role("slider")
    await expect(slider).to_have_attribute("aria-valuenow", "50")
    await slider.focus()
    for key, share in (("ArrowLeft", "48"), ("ArrowRight", "50"), ("PageUp", "60"), ("Home", "0"), ("End", "100")):
        await page.keyboard.press(key)
        await expect(slider).to_have_attribute("aria-valuenow", share)
    box = await page.get_by_role("img", name="A: a fox").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    await page.mouse.up()
    await expect(slider).to_have_attribute("aria-valuenow", "25")

    rows = page.get_by_role("table").get_by_role("row")
    await expect(rows).to_have_text(
        [re.compile("A.*B"), f"seed{2**64 - 2}{2**64 - 1}", "palette<b>ink</b>–", "style–silk"]
    )
    await expect(page.get_by_text("3 parameters are the same.")).to_be_visible()
    assert await window.faults() == []
    await page.get_by_role("button", name="Swap").click()
    await expect(page).to_have_url(re.compile(f"a={b}.*b={a}"))
    await page.get_by_role("button", name="Side by side").click()
    await expect(page.locator("figure")).to_have_count(2)
    await expect(page).to_have_url(re.compile("view=side"))


async def test_one_alone_asks_for_another(console: Console, shelf: Shelf) -> None:
    first, second = await shelf.pictures(2)
    async with console.window(width=320, scheme="dark", has_touch=True) as window:
        page = await window.open("/compare?a=1&b=%3Cb%3E")  # what means nothing is not asked for
        await page.get_by_role("heading", name="Nothing to compare").wait_for()
        page = await window.open(f"/compare?a={first}")
        await page.get_by_role("link", name="Picture 1").click()
        await expect(page).to_have_url(re.compile(f"a={first}.*b={second}"))
        await page.get_by_role("slider").wait_for()
        assert await page.evaluate(OVERFLOW) <= 0
        assert await window.faults() == []
        window.clean()
