"""The page of one output: what it was made from, what was made from it, and making more of it."""

import re
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from playwright.async_api import expect
from tests.console.conftest import OVERFLOW, Console, Window
from tests.console.shelf import Shelf, shelf_in

HTML = "<script>document.title = 1</script><b>fox</b>"
LARGEST = 2**64 - 1


@pytest.fixture
async def shelf(console: Console) -> Shelf:
    return await shelf_in(console)


async def test_all_parameters_are_shown_as_they_are(window: Window, shelf: Shelf) -> None:
    output_id = await shelf.picture(0, prompt=HTML, seed=LARGEST, layers=[{"mood": HTML}])
    page = await window.open(f"/o/{output_id}")
    await page.get_by_role("heading", name=HTML).wait_for()
    parameters = page.get_by_label("Parameters", exact=True)
    await expect(parameters).to_contain_text(str(LARGEST))
    await expect(parameters).to_contain_text(f'"mood": "{HTML}"')
    await expect(page.get_by_label("About it")).to_contain_text("320 × 200")
    await expect(page.get_by_role("img", name=HTML)).to_have_js_property("naturalWidth", 320)
    assert await window.faults() == []


async def test_lineage_leads_to_ancestors_and_descendants(console: Console, shelf: Shelf) -> None:
    first = await shelf.picture(0, prompt="the first")
    middle = await shelf.picture(1, source=first, prompt="the middle")
    last = [await shelf.picture(at, source=middle, prompt="the last") for at in range(2)]
    async with console.window(width=320, scheme="dark") as window:
        page = await window.open(f"/o/{middle}")
        lineage = page.locator("section[aria-label=Lineage]")
        await expect(lineage.get_by_role("link")).to_have_count(4)
        await expect(lineage.locator("[aria-current=page]")).to_have_text("This one")
        assert await page.evaluate(OVERFLOW) <= 0
        assert await window.faults() == []
        await lineage.locator(f'a[href*="{last[1]}"]').click()
        await page.get_by_role("heading", name="the last").wait_for()
        await lineage.locator(f'a[href*="{first}"]').click()
        await page.get_by_role("heading", name="the first").wait_for()
        window.clean()


async def test_other_kinds_and_states_say_what_they_are(window: Window, shelf: Shelf) -> None:
    text = await shelf.text(HTML, prompt="a story")
    sound = await shelf.sound(prompt="a song")
    failed = await shelf.without_file("failed", error_message=f"The model {HTML} is missing.")
    pending = await shelf.without_file("pending")
    page = await window.open(f"/o/{text}")
    await expect(page.locator("pre")).to_have_text(HTML)
    await page.goto(page.url.replace(str(text), str(sound)))
    await expect(page.get_by_label("a song").and_(page.locator("audio"))).to_be_visible()
    await page.goto(page.url.replace(str(sound), str(failed)))
    await expect(page.get_by_role("article")).to_contain_text(f"The model {HTML} is missing.")
    await page.goto(page.url.replace(str(failed), str(pending)))
    await page.get_by_role("progressbar").wait_for()
    window.errors.clear()
    await page.goto(page.url.replace(str(pending), str(uuid4())))
    await page.get_by_role("heading", name="There is no such output").wait_for()
    window.errors.clear()  # Chromium's own, about the 404


async def test_a_video_of_mux_plays_in_the_frame_of_its_page(console: Console, shelf: Shelf) -> None:
    film = await shelf.film("abc")
    async with console.window() as window:
        for path in (f"/o/{film}", f"/library?open={film}"):
            page = await window.open(path)
            player = page.frame_locator("iframe").locator("mux-player")
            await expect(player).to_have_attribute("playback-id", "abc")
            await expect(player).to_be_visible()
            await expect(page.frame_locator("iframe").locator("figcaption")).to_have_count(0)
            assert {urlsplit(url).hostname.split(".", 1)[1] for url in window.elsewhere} <= {"mux.com"}
            assert not [error for error in window.errors if "frame-" in error]


async def test_hidden_ones_can_be_brought_back(window: Window, shelf: Shelf) -> None:
    output_id = await shelf.picture(0, prompt="a fox")
    page = await window.open(f"/o/{output_id}")
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Hide").click()
    await page.get_by_text("This is hidden").wait_for()
    await page.get_by_role("button", name="Bring back").click()
    await page.get_by_role("img", name="a fox").wait_for()


async def test_a_picture_becomes_a_video_and_is_compared_with_it(
    console: Console, console_worker: None, window: Window, shelf: Shelf
) -> None:
    source = await shelf.picture(2, prompt="a fox")
    page = await window.open(f"/o/{source}")
    await page.get_by_role("button", name="Develop").click()
    row = page.get_by_role("listitem").filter(has_text="Image to Video")
    await expect(row.get_by_role("link", name="Settings")).to_have_attribute("href", re.compile(f"input={source}"))
    assert await window.faults() == []
    await row.get_by_role("button", name="Develop").click()
    lineage = page.locator("section[aria-label=Lineage]")
    child = lineage.get_by_role("link", name="Image to Video")
    await expect(child).to_be_visible()
    await expect(child.locator("img, video")).to_be_visible()
    await child.click()
    await expect(page.locator("video[aria-label='Image to Video']")).to_be_visible()  # there are small ones, too
    made = UUID(page.url.rsplit("/", 1)[1])
    await page.get_by_role("button", name="More actions").press("Enter")
    await page.get_by_role("menuitem", name="Compare with its source").press("Enter")
    await expect(page).to_have_url(re.compile(f"/compare.*a={source}.*b={made}"))
    await expect(page.locator("figure")).to_have_count(2)
