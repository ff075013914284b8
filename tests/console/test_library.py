"""The library: thousands of outputs in one grid, found again, selected and changed by mouse and by keys."""

import re
from uuid import UUID

import pytest
from playwright.async_api import Page, expect
from tests.console.conftest import OVERFLOW, Console, Window, asked_for
from tests.console.shelf import Shelf, shelf_in

HTML = '<img src=x onerror="document.title=1"> & <b>fox</b>'
TOTAL = "header [role=status]"
FOCUSED = "document.activeElement.dataset.id"
SCROLLED = """async () => {
  scrollBy(0, 900);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return document.querySelectorAll("img").length;
}"""
"""A page further down; how many pictures the document has then."""
IN_SIGHT = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}"""


@pytest.fixture
async def shelf(console: Console) -> Shelf:
    return await shelf_in(console)


def tile(page: Page, output_id: UUID):  # type: ignore[no-untyped-def]
    return page.locator(f'[data-id="{output_id}"]')


DRAWN = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
"""Wait until the page shows what it scrolled to; until then, what is in the document changes."""


async def wait_until(page: Page, condition: str) -> None:
    """Wait until a condition holds. `wait_for_function` would evaluate text, which the page's policy refuses."""
    await page.evaluate(f"""() => new Promise((held) => {{
      const look = () => (({condition})() ? held() : requestAnimationFrame(look));
      look();
    }})""")


async def test_many_outputs_are_few_in_the_document_and_back_restores_the_place(window: Window, shelf: Shelf) -> None:
    await shelf.pictures(320)
    asked = asked_for(window.page, "cursor=")
    page = await window.open("/library")
    await expect(page.locator(TOTAL)).to_have_text("320 outputs")
    most, last = 0, page.get_by_alt_text("Picture 0", exact=True)
    while not await last.count():
        most = max(most, await page.evaluate(SCROLLED))
    assert 10 < most < 120
    assert len(asked) == len(set(asked)) > 0, "each part is asked for once, however slowly it comes"
    await page.evaluate("scrollBy(0, -1500)")
    await page.evaluate(DRAWN)
    name = await page.locator("[data-id]:visible").nth(20).get_attribute("data-id")
    await page.locator(f'[data-id="{name}"]').click()
    await page.get_by_role("link", name="Open its page").click()
    await page.wait_for_url(f"**/o/{name}")
    await page.get_by_role("heading", name="Picture").wait_for()
    await wait_until(page, "() => scrollY === 0")
    await page.go_back()
    await page.go_back()
    await expect(page).to_have_url(re.compile("/library$"))
    await expect(page.locator(f'[data-id="{name}"]')).to_be_in_viewport()


async def test_keys_move_select_star_and_hide(console: Console, window: Window, shelf: Shelf) -> None:
    ids = (await shelf.pictures(60))[::-1]
    page = await window.open("/library")
    await tile(page, ids[0]).wait_for()
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 59), ("Home", 0)):
        await page.keyboard.press(key)
        await expect(tile(page, ids[at])).to_be_focused()
        assert await page.evaluate(IN_SIGHT)
    await page.keyboard.press("ArrowDown")
    assert await page.evaluate(FOCUSED) not in (None, str(ids[0]), str(ids[1]))
    await page.keyboard.press("ArrowUp")
    assert await page.evaluate(FOCUSED) in (str(ids[0]), str(ids[1]))
    await page.keyboard.press("Home")

    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page).to_have_url(re.compile(r"ids="))
    bar = page.get_by_role("toolbar", name="What is selected")
    await expect(bar).to_contain_text("3 selected")
    async with console.window() as other:  # a copied link shows the same to another session
        copied = await other.context.new_page()
        await copied.goto(page.url)
        await expect(copied.locator("[aria-selected=true]")).to_have_count(3)

    await page.keyboard.press("s")
    await expect(page.get_by_role("img", name="Starred")).to_have_count(3)
    await page.keyboard.press("x")
    await expect(page.locator(TOTAL)).to_have_text("57 outputs")
    await expect(bar).to_have_count(0)
    await expect(tile(page, ids[3])).to_be_focused()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(TOTAL)).to_have_text("60 outputs")
    await expect(tile(page, ids[1])).to_be_visible()

    await page.keyboard.press("Control+a")
    await expect(bar).to_contain_text("60 selected")
    await page.keyboard.press("Escape")
    await expect(page).not_to_have_url(re.compile("ids="))
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Select all that are loaded")


async def test_the_lightbox_goes_on_by_arrows_and_gives_the_focus_back(window: Window, shelf: Shelf) -> None:
    ids = (await shelf.pictures(12))[::-1]
    html = await shelf.picture(2, prompt=HTML)
    page = await window.open("/library")
    await tile(page, html).click()
    dialog = page.get_by_role("dialog")
    await expect(page).to_have_url(re.compile(f"open={html}"))
    await expect(dialog.get_by_role("heading", name=HTML)).to_be_visible()
    await expect(dialog.get_by_label("Prompt", exact=True)).to_contain_text(HTML)
    await expect(dialog.get_by_label("About it")).to_contain_text("Harbours <i>at</i> dusk")
    assert await window.faults() == []

    for at in range(9):
        await page.keyboard.press("ArrowRight")
        await expect(page).to_have_url(re.compile(f"open={ids[at]}"))
    picture = dialog.get_by_role("button", name="Enlarge the picture")
    await picture.click(position={"x": 300, "y": 300})
    fit = dialog.get_by_role("button", name="Fit the picture")
    await expect(fit.locator("img")).to_have_attribute("style", re.compile(r"scale\([^1]"))
    await fit.click()
    await picture.hover()
    await page.mouse.wheel(0, -300)
    await expect(fit).to_be_visible()
    await page.keyboard.press("i")
    await expect(dialog.get_by_label("Details", exact=True).and_(page.locator("aside"))).to_have_count(0)
    await page.keyboard.press("i")

    await page.keyboard.press("s")
    await expect(dialog.get_by_role("button", name="Take the star away")).to_be_visible()
    await dialog.get_by_role("button", name="Share").click()
    await expect(page.get_by_label("Link", exact=True)).to_have_value(re.compile(r"/watch/.*\?t="))
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Link", exact=True)).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(tile(page, ids[8])).to_be_focused()
    await wait_until(page, IN_SIGHT)
    await expect(page).to_have_url(re.compile("/library$"))
    await page.go_forward()
    await picture.wait_for()
    await page.keyboard.press("x")  # the next one takes its place
    await expect(page).to_have_url(re.compile(f"open={ids[9]}"))
    await page.go_back()
    await expect(dialog).to_have_count(0)
    await expect(page.locator(TOTAL)).to_have_text("12 outputs")


async def test_filters_are_in_the_address(window: Window, shelf: Shelf) -> None:
    await shelf.pictures(5)
    fox = await shelf.picture(1, prompt="A red fox")
    story = await shelf.text("Once upon a time", prompt="A story of a fox")
    await shelf.without_file("failed", error_message=HTML)
    page = await window.open("/library")
    await page.get_by_label("Search prompts and collections").fill("fox")
    await expect(page).to_have_url(re.compile("q=fox"))
    await expect(page.locator(TOTAL)).to_have_text("2 outputs")
    await expect(tile(page, story)).to_have_text("Once upon a time")
    await page.get_by_role("button", name="Images").click()
    await expect(page.locator(TOTAL)).to_have_text("1 output")
    await tile(page, fox).wait_for()
    await page.get_by_role("button", name="Clear the search").click()
    await page.get_by_role("button", name="All", exact=True).click()

    await page.get_by_role("button", name="Filters").click()
    assert await window.faults() == []
    form = page.get_by_role("dialog", name="Filters")
    await form.get_by_label("State").select_option("Failed")
    await expect(page.locator("[role=gridcell]")).to_have_count(1)
    await expect(page.locator("[role=gridcell]")).to_contain_text(HTML)
    await form.get_by_label("Until").fill("2020-01-01")
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile("status=failed.*until=2020-01-01|until=2020-01-01.*status=failed"))
    await page.get_by_role("heading", name="Nothing fits these filters").wait_for()
    await page.reload()
    await page.get_by_role("button", name="Remove Until").click()
    await page.get_by_role("button", name="Remove Failed").click()
    await expect(page.locator(TOTAL)).to_have_text("8 outputs")


async def test_what_is_selected_gets_tags_and_a_deck(window: Window, shelf: Shelf) -> None:
    ids = await shelf.pictures(3)
    page = await window.open("/library")
    await tile(page, ids[2]).click(modifiers=["Control"])
    await tile(page, ids[0]).click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="What is selected")
    await expect(bar).to_contain_text("3 selected")
    assert await window.faults() == []
    await bar.get_by_role("button", name="Tags").click()
    await page.get_by_label("New tag").fill("Sea, fog")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove sea")).to_be_visible()
    await page.get_by_role("button", name="Remove fog").click()
    await expect(page.get_by_role("button", name="Remove fog")).to_have_count(0)
    await page.keyboard.press("Escape")
    await bar.get_by_role("button", name="Move to a deck").click()
    await page.get_by_label("Name of a new deck").fill("Best of")
    await page.keyboard.press("Enter")
    await page.get_by_text("3 outputs moved to Best of.").wait_for()
    listed = await shelf.console.system.get("/outputs?tag=sea")
    assert [one["deck"]["name"] for one in listed] == ["Best of"] * 3


async def test_narrow_dark_and_empty(console: Console, shelf: Shelf) -> None:
    async with console.window(width=320, scheme="dark") as window:
        page = await window.open("/library")
        await page.get_by_role("heading", name="Nothing here yet").wait_for()
        await page.get_by_role("link", name="Create something").wait_for()
        ids = await shelf.pictures(9)
        await page.reload()
        await tile(page, ids[-1]).wait_for()
        assert await page.evaluate(OVERFLOW) <= 0
        await page.get_by_role("button", name=re.compile("^Select")).first.click()
        await page.get_by_role("toolbar", name="What is selected").wait_for()
        assert await page.evaluate(OVERFLOW) <= 0
        assert await window.faults() == []
        await tile(page, ids[-1]).click()
        await page.get_by_role("dialog").get_by_text("Harbours").first.wait_for()
        assert await page.evaluate(OVERFLOW) <= 0
        assert await window.faults() == []
        window.clean()


async def test_a_viewer_looks_only(console: Console, shelf: Shelf) -> None:
    [output_id] = await shelf.pictures(1)
    async with console.window() as window:
        session = await window.context.request.post(
            f"{console.base}/session", data={"role": "viewer"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert session.ok
        page = await window.open("/library")
        await tile(page, output_id).click(modifiers=["Control"])
        bar = page.get_by_role("toolbar", name="What is selected")
        await expect(bar.get_by_role("button")).to_have_count(3)  # none, compare, download
        await page.keyboard.press("x")
        await tile(page, output_id).click()
        panel = page.get_by_role("toolbar", name="Actions")
        await panel.get_by_role("button", name="Share").wait_for()
        await expect(page.get_by_role("button", name=re.compile("Star|Tags|Develop"))).to_have_count(0)
        await expect(page.get_by_role("link", name="Reuse")).to_have_count(0)
        window.clean()


async def test_a_job_appears_while_it_runs_and_becomes_its_result(
    console: Console, console_worker: None, window: Window
) -> None:
    page = await window.open("/library")
    await page.get_by_role("heading", name="Nothing here yet").wait_for()
    await console.system.generate("art", {"prompt": HTML})
    cell = page.locator("[role=gridcell]")
    await expect(cell).to_have_count(1)
    await expect(cell.get_by_role("img", name=HTML)).to_be_visible()
    await expect(page.locator(TOTAL)).to_have_text("1 output")
