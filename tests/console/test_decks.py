"""Decks in the console: made, put in order, published, locked and put away."""

import io
import re
from uuid import UUID

import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect
from tests.console.conftest import OVERFLOW, Console, Window
from tests.factories import make_collection, make_deck, make_output

from emprops.media.storage import public_url

COLOURS = ("crimson", "orange", "gold", "seagreen", "royalblue", "purple")


@pytest.fixture
async def deck(console: Console) -> UUID:
    """A deck of six pictures."""
    resources = console.system.app.state.resources
    async with console.system.database.transaction() as tx:
        collection = await make_collection(tx, console.system.user_id, title="Quiet Harbours", status="published")
        deck = await make_deck(tx, collection, name="Evening <b>Light</b>")
        for colour in COLOURS:
            picture = io.BytesIO()
            Image.new("RGB", (64, 64), colour).save(picture, "PNG")
            await resources.storage.put_bytes(f"test/{colour}.png", picture.getvalue(), "image/png")
            url = public_url(console.system.settings, f"test/{colour}.png")
            await make_output(tx, collection, deck_id=deck, status="completed", url=url, mime_type="image/png")
    return deck


async def order_of(console: Console, deck: UUID) -> list[str]:
    """The colours of a deck as the api has them."""
    outputs = (await console.system.get(f"/decks/{deck}"))["outputs"]
    return [output["url"].rpartition("/")[2].removesuffix(".png") for output in outputs]


def tiles(page: Page) -> Locator:
    return page.locator("[data-thing]")


async def test_an_order_is_changed_with_keys_and_by_dragging(console: Console, deck: UUID, window: Window) -> None:
    page = await window.open(f"/decks/{deck}")
    await page.get_by_role("heading", name="Evening <b>Light</b>").wait_for()
    await expect(tiles(page)).to_have_count(6)
    handle = page.get_by_role("button", name="Move result 1")
    await handle.focus()
    await page.keyboard.press("Space")
    said = page.get_by_role("status").filter(has_text="Picked up from place 1 of 6.")
    await expect(said).to_have_count(1)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    async with page.expect_response(f"**/decks/{deck}/order"):
        await page.keyboard.press("Space")
    assert await order_of(console, deck) == ["orange", "gold", "crimson", *COLOURS[3:]]
    await expect(page.get_by_role("button", name="Move result 3")).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("Home")
    await page.keyboard.press("Escape")  # it stays where it was
    await expect(page.get_by_role("status").filter(has_text="Left where it was.")).to_have_count(1)
    assert await window.faults() == []

    await tiles(page).nth(3).hover()
    await page.mouse.down()
    box = await tiles(page).nth(0).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 40, box["y"] + 60, steps=6)
    async with page.expect_response(f"**/decks/{deck}/order"):
        await page.mouse.up()
    assert (await order_of(console, deck))[0] == "seagreen"
    assert page.url.endswith(f"/decks/{deck}")  # letting go is no click
    await page.reload()
    await expect(tiles(page).first.locator("img")).to_have_attribute("src", re.compile("seagreen"))


async def test_a_deck_is_described_published_and_locked(console: Console, deck: UUID, window: Window) -> None:
    page = await window.open("/decks")
    await page.get_by_role("link", name="Evening <b>Light</b>").click()
    await page.get_by_role("button", name="More to do with the deck").click()
    await page.get_by_role("menuitem", name="Rename and describe").click()
    await page.get_by_role("textbox", name="Name").fill("Night")
    await page.get_by_role("textbox", name="Description").fill("Six colours")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("heading", name="Night").wait_for()

    await tiles(page).nth(2).hover()
    await page.get_by_role("button", name="What to do with result 3").click()
    await page.get_by_role("menuitem", name="Make it the cover").click()
    await expect(tiles(page).nth(2).get_by_text("Cover", exact=True)).to_be_visible()

    await page.get_by_role("button", name="What to do with result 1").click()
    await page.get_by_role("menuitem", name="Remove from the deck").click()
    await expect(tiles(page)).to_have_count(5)
    await page.get_by_role("button", name="Undo").click()
    await expect(tiles(page)).to_have_count(6)

    await page.get_by_role("button", name="Publish").click()
    await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog", name="Share this deck")
    link = await dialog.get_by_label("Link").input_value()
    assert link.endswith(f"/d/{deck}")
    assert await window.faults() == []
    shared = await console.system.http.get(f"/d/{deck}", headers={"Accept": "text/html"})
    assert shared.status_code == 200
    await page.keyboard.press("Escape")

    await page.get_by_role("button", name="More to do with the deck").click()
    await page.get_by_role("menuitem", name="Lock").click()
    await page.get_by_role("dialog").get_by_role("button", name="Lock").click()
    await page.get_by_role("button", name="Unlock").wait_for()
    await page.get_by_role("button", name="What to do with result 1").click()
    await expect(page.get_by_role("menuitem", name="unlock the deck first")).to_be_disabled()
    await page.keyboard.press("Escape")

    await page.get_by_role("button", name="More to do with the deck").click()
    await page.get_by_role("menuitem", name="Archive").click()
    await page.get_by_role("button", name="Bring back").wait_for()
    await page.get_by_role("link", name="Decks").click()
    await page.get_by_role("heading", name="No decks yet").wait_for()
    await page.get_by_role("button", name="Archived").click()
    await page.get_by_role("link", name="Night").wait_for()
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate(OVERFLOW) == 0


async def test_a_new_deck_is_empty_and_says_how_to_fill_it(console: Console, window: Window) -> None:
    page = await window.open("/decks")
    await page.get_by_role("heading", name="No decks yet").wait_for()
    await page.get_by_role("button", name="New deck").click()
    await page.get_by_role("textbox", name="Name").fill("Harbours")
    await page.get_by_label("Collection").select_option(label="Generative Art")
    assert await window.faults() == []
    await page.get_by_role("button", name="Make the deck").click()
    await page.get_by_role("heading", name="Harbours").wait_for()
    await page.get_by_role("heading", name="This deck is empty").wait_for()
    await expect(page.get_by_role("link", name="Create with Generative Art")).to_be_visible()


async def test_of_others_only_published_decks_can_be_seen_and_none_changed(console: Console, window: Window) -> None:
    async with console.system.database.transaction() as tx:
        open_one = await make_deck(tx, name="Open", status="published")
        private = await make_deck(tx, name="Private")
    page = await window.open(f"/decks/{open_one}")
    await page.get_by_role("heading", name="Open").wait_for()
    await expect(page.get_by_role("button", name="Share")).to_have_count(0)
    await page.goto(f"{console.base}/console/decks/{private}")
    await page.get_by_role("heading", name="There is no such deck").wait_for()
    window.errors.clear()  # Chromium tells of every 404
