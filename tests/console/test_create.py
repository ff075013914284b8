"""The create pages: choose a collection, fill in its form, see the picture grow."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect
from tests.console.conftest import OVERFLOW, Console, Window
from tests.console.creating import LARGEST, jobs_of, make_everything, picture, result

pytestmark = pytest.mark.usefixtures("console_worker")

TILES = "[role=option]"


async def open_form(window: Window, collection: str, search: str = "") -> Page:
    page = await window.open(f"/create/{collection}{search}")
    await page.get_by_role("button", name="Generate").wait_for()
    return page


async def test_one_click_and_one_key_make_a_picture(window: Window) -> None:
    page = await window.open("/create")
    await page.get_by_role("link", name="Short Story").wait_for()
    await page.get_by_label("Search collections").fill("gener words")
    await expect(page.get_by_role("link", name="Short Story")).to_have_count(0)
    assert page.url.endswith("/create?q=gener+words")
    assert await window.faults() == []
    await page.get_by_role("link", name="Generative Art").click()
    await expect(page.get_by_test_id("price")).to_have_text("1 credit")
    await page.emulate_media(color_scheme="dark")
    assert await window.faults() == []
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.fallback()

    await page.route("**/generate*", hold)
    await page.keyboard.press("Control+Enter")
    await page.get_by_role("status", name="Sending").wait_for()  # at once, whatever the api takes
    answer.set()
    await page.locator(TILES).wait_for()
    await result(page)
    await expect(page.locator(f"{TILES}[aria-selected=true][data-status=completed] img")).to_be_visible()
    assert await window.faults() == []
    await page.emulate_media(color_scheme="light")
    assert await window.faults() == []


async def test_nothing_to_generate_from_says_what_to_do(console: Console, window: Window) -> None:
    async with console.system.database.transaction() as tx:
        await tx.execute("UPDATE collection SET status = 'draft', is_public = false")
    page = await window.open("/create")
    await page.get_by_role("heading", name="Nothing to generate from yet").wait_for()
    await window.open("/create/nowhere")
    await page.get_by_role("link", name="See all collections").click()
    await page.get_by_role("heading", name="Create").wait_for()
    window.errors = [error for error in window.errors if "404" not in error]  # Chromium notes the missing collection


async def test_every_kind_of_field_shows_and_faults_land_on_it(console: Console, window: Window) -> None:
    everything = await make_everything(console)
    page = await open_form(window, everything)
    assert await page.get_by_label("Prompt").evaluate("field => field.tagName") == "TEXTAREA"
    assert await page.get_by_label("Title").get_attribute("placeholder") == "Evening"
    assert await page.get_by_label("Strength, slider").get_attribute("step") == "0.25"
    await page.get_by_label("Strength", exact=True).press("ArrowUp")
    await expect(page.get_by_label("Strength, slider")).to_have_value("0.75")
    mood = page.get_by_role("group", name="Mood")
    await mood.get_by_role("button", name="Calm sea").click()
    await expect(mood.get_by_role("button", name="By chance")).to_have_attribute("aria-pressed", "false")
    assert [name.strip() for name in await page.locator("legend").all_inner_texts()] == ["Moving"]
    for name in ("Photo: drop, paste or choose a picture", "Clip: drop, paste or choose a video", "Sound: drop"):
        await page.get_by_role("button", name=name).wait_for()
    await expect(page.get_by_test_id("price")).to_contain_text("for 2 results")
    assert await window.faults() == []

    await page.get_by_label("Budget").fill("100001")
    await page.get_by_label("Title").fill("longer than is allowed")
    await page.get_by_role("button", name="Generate").click()
    await page.get_by_text("Use at most 20 characters; these are 22.").wait_for()
    await page.get_by_text("Enter a whole number: 100000 or less.").wait_for()
    await expect(page.locator("#variable-title")).to_be_focused()

    await page.get_by_label("Budget").fill("7")
    await page.get_by_label("Title").fill("")
    await page.get_by_role("group", name="Photo").get_by_role("button", name="Pick one of mine").click()
    await page.get_by_role("button", name="Address").click()
    await page.get_by_label("Address of the file").fill(f"{console.system.settings.base_url}/files/assets/other.png")
    await page.get_by_role("button", name="Use this file").click()
    await page.get_by_role("button", name="Generate").click()
    await expect(page.locator("#variable-photo-error")).to_have_text(re.compile(r"^[A-Z].*\.$"))
    await expect(page.locator("#variable-photo")).to_be_focused()
    assert await jobs_of(console) == []
    window.errors = [error for error in window.errors if "400" not in error and "404" not in error]


async def test_a_double_press_makes_one_job(console: Console, window: Window) -> None:
    page = await open_form(window, "art")
    await page.get_by_label("Prompt").fill("two foxes")
    await page.get_by_role("button", name="Generate").dblclick()
    await page.keyboard.press("Control+Enter")
    await page.locator(TILES).wait_for()
    await page.get_by_label("Prompt").fill("three foxes")
    await page.keyboard.press("Control+Enter")  # another one, while the first may still run
    await expect(page.locator(TILES)).to_have_count(2)
    prompts = [job["data"]["variables"]["prompt"] for job in await jobs_of(console)]
    assert prompts == ["three foxes", "two foxes"]
    await expect(page.locator(f"{TILES}[data-status=completed]")).to_have_count(2)
    newest = page.locator(TILES).first
    await newest.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(TILES).nth(1)).to_be_focused()
    await expect(page.locator(TILES).nth(1)).to_have_attribute("aria-selected", "true")
    assert page.url.endswith(f"job={(await jobs_of(console))[1]['id']}")


async def test_what_waits_says_why_and_can_be_cancelled(console: Console, window: Window) -> None:
    async with console.system.database.transaction() as tx:
        await tx.execute(
            "UPDATE workflow SET data = jsonb_set(data, '{job,service_required}', '\"nobody\"')"
            " WHERE name = 'local_image'"
        )
    page = await open_form(window, "art")
    await page.keyboard.press("Control+Enter")
    await page.get_by_text(re.compile("No live worker can run it now")).wait_for()
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("heading", name="Cancelled", exact=True).wait_for()
    await page.get_by_role("button", name="Try again").click()
    await page.get_by_text(re.compile("No live worker can run it now")).wait_for()
    [job] = await jobs_of(console)
    assert job["retry_count"] == 1
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("heading", name="Cancelled", exact=True).wait_for()


async def test_who_cannot_pay_reads_what_is_missing(console: Console, window: Window) -> None:
    page = await open_form(window, "art")
    await console.system.get("/credits")
    async with console.system.database.transaction() as tx:
        await tx.execute("UPDATE credit_account SET available = 250000")
    await page.keyboard.press("Control+Enter")
    await page.get_by_text("This costs 1 credits and you have 0.25: 0.75 more are needed.").wait_for()
    assert await jobs_of(console) == []
    window.errors = [error for error in window.errors if "402" not in error]


async def test_files_are_chosen_pasted_picked_and_results_become_inputs(console: Console, window: Window) -> None:
    page = await open_form(window, "art")
    await page.keyboard.press("Control+Enter")
    await result(page)
    await page.get_by_role("button", name="Use as input").click()
    await page.get_by_role("menuitem", name="Upscale Image").click()
    await page.get_by_text("One of your results").wait_for()
    assert "input=" not in page.url

    await page.get_by_role("button", name="Remove Image").click()
    await page.locator("input[type=file]").set_input_files(
        {"name": "harbour.png", "mimeType": "image/png", "buffer": picture()}
    )
    await page.get_by_text("harbour.png").wait_for()
    await page.locator("input[type=file]").set_input_files(
        {"name": "fake.png", "mimeType": "image/png", "buffer": b"only words"}
    )
    await page.get_by_text("This takes images, and fake.png is text/plain.").wait_for()
    await page.reload()
    await page.get_by_text("harbour.png").wait_for()
    await page.get_by_role("button", name="Remove Image").click()
    await drop_on(page, "drop", "dropped.png")
    await page.get_by_text("dropped.png").wait_for()
    await page.get_by_role("button", name="Remove Image").click()
    await drop_on(page, "paste", "pasted.png")
    await page.get_by_text("pasted.png").wait_for()

    await page.get_by_role("button", name="Pick another").click()
    await page.get_by_role("dialog").get_by_role("listitem").locator("img").first.wait_for()
    assert await window.faults() == []
    await page.get_by_role("button", name="Uploads").click()
    await page.get_by_role("button", name="harbour.png").click()
    await page.keyboard.press("Control+Enter")
    await result(page)
    asset = (await console.system.get("/assets?media_type=image"))[-1]
    assert (await jobs_of(console))[0]["data"]["variables"]["image"] == f"asset:{asset['id']}"


async def drop_on(page: Page, kind: str, name: str) -> None:
    """Drop a picture on the field, or paste it there."""
    await page.get_by_role("group", name="Image").evaluate(
        """(field, [kind, name, bytes]) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }));
          const said = { bubbles: true, cancelable: true };
          field.dispatchEvent(
            kind === 'drop'
              ? new DragEvent('drop', { ...said, dataTransfer: files })
              : new ClipboardEvent('paste', { ...said, clipboardData: files }),
          );
        }""",
        [kind, name, list(picture(color="red" if kind == "drop" else "blue"))],
    )


async def test_reuse_restores_all_and_html_stays_text(console: Console, window: Window) -> None:
    markup = "<img src=x onerror=alert(1)><b>fox</b>"
    everything = await make_everything(console, title=markup)
    page = await open_form(window, everything)
    await expect(page.get_by_role("heading", name=markup)).to_be_visible()
    await page.get_by_label("Prompt").fill(markup)
    await page.get_by_label("Strength, slider").fill("0.25")
    await page.get_by_role("group", name="Mood").get_by_role("button", name="Second").click()
    await page.get_by_role("group", name="Noise").get_by_role("button", name="Fixed").click()
    await page.get_by_role("button", name="Draw another seed").click()
    await page.get_by_label("Noise", exact=True).last.fill(str(LARGEST))
    await page.keyboard.press("Control+Enter")
    await result(page)
    [job] = await jobs_of(console)
    sent = job["data"]["variables"]
    assert sent == {"prompt": markup, "strength": 0.25, "budget": 7, "mood": 2, "noise_seed": LARGEST}
    await page.get_by_role("button", name="Result 2").click()  # two results of one job

    await page.get_by_role("button", name="Start anew with the form").click()
    await expect(page.get_by_label("Prompt")).to_have_value("a red fox")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_label("Prompt")).to_have_value(markup)
    await page.get_by_role("button", name="Start anew with the form").click()
    await page.get_by_role("link", name="Reuse").click()
    await expect(page.get_by_label("Prompt")).to_have_value(markup)
    await expect(page.get_by_label("Noise", exact=True).last).to_have_value(str(LARGEST))
    await expect(page.get_by_label("Strength", exact=True)).to_have_value("0.25")
    assert "from=" not in page.url
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(TILES)).to_have_count(2)
    assert (await jobs_of(console))[0]["data"]["variables"] == sent


@pytest.mark.parametrize("width", [320, 768])
async def test_it_fits_small_screens_with_the_button_in_sight(console: Console, width: int) -> None:
    everything = await make_everything(console, title="A rather long title of a collection with everything")
    async with console.window(width=width, height=640) as window:
        page = await open_form(window, everything)
        assert await page.evaluate(OVERFLOW) == 0
        await page.get_by_role("button", name="Generate").click()
        await result(page)
        await expect(page.get_by_role("button", name="Generate")).to_be_in_viewport()
        assert await page.evaluate(OVERFLOW) == 0
        assert await window.faults() == []
        await window.open("/create")
        await page.get_by_role("link", name="Everything").first.wait_for(state="attached")
        assert await page.evaluate(OVERFLOW) == 0
        window.clean()


async def test_a_viewer_looks_only(console: Console) -> None:
    async with console.window() as window:
        signed_in = await window.context.request.post(
            f"{console.base}/session", data={"role": "viewer"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert signed_in.ok, await signed_in.text()
        page = await window.open("/create/art")
        await page.get_by_text("You may look, and not generate.").wait_for()
        await expect(page.get_by_role("button", name="Generate")).to_have_count(0)
        window.clean()
