"""A job on the create page while it runs: its preview and progress, through a reload, and in two tabs."""

import signal
from asyncio.subprocess import Process
from typing import Any

from playwright.async_api import expect
from tests.console.conftest import Console, Window
from tests.console.creating import make_slow, result
from tests.console.test_create import TILES, open_form
from tests.processes import pause

PROGRESS = "section[aria-label=Result] [role=progressbar]"


def bottom_of(box: Any) -> float:
    return float(box["y"] + box["height"])


async def test_a_job_goes_on_through_a_reload_and_in_two_tabs(
    console: Console, window: Window, worker: Process
) -> None:
    slow = await make_slow(console)
    page = await open_form(window, slow)
    other = await console.tab(window.context)
    await open_form(other, slow)
    await page.add_init_script(
        """
        window.seen = [];
        setInterval(() => {
          const bar = document.querySelector('section[aria-label=Result] [role=progressbar]');
          const now = bar && bar.getAttribute('aria-valuenow');
          if (now) window.seen.push(Number(now));
        }, 20)
        """
    )
    await page.reload()
    await page.get_by_label("Prompt").fill("a tall ship")
    await page.keyboard.press("Control+Enter")
    await other.page.locator(TILES).wait_for()
    await page.get_by_alt_text("Preview of the result").wait_for()
    await pause(worker)
    await page.reload()
    await expect(page.get_by_label("Prompt")).to_have_value("a tall ship")
    await page.locator(f"{PROGRESS}[aria-valuenow]").wait_for()
    worker.send_signal(signal.SIGCONT)
    await result(page)
    shown, actions = page.get_by_alt_text("The result", exact=True), page.get_by_role("link", name="Reuse")
    assert bottom_of(await shown.bounding_box()) <= (await actions.bounding_box() or {})["y"]
    seen = await page.evaluate("window.seen")
    assert seen == sorted(seen)
    await result(other.page)
    other.clean()
