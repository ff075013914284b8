"""The start page and the API reference in headless Chromium, which reaches nothing but this machine."""

from typing import Literal

import pytest
from playwright.async_api import Browser, Page
from tests.pages.conftest import Site, window

from emprops.kit.web.openapi_schemas import operations_of
from emprops.samples import store as samples

Scheme = Literal["light", "dark"]
BODY_GROUND = "getComputedStyle(document.body).backgroundColor"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def reference(page: Page) -> Page:
    await page.locator(".opblock").first.wait_for()
    return page


def brightness(color: str) -> int:
    return sum(int(part) for part in color.removeprefix("rgb(").rstrip(")").split(","))


@pytest.mark.parametrize(("scheme", "width"), [("dark", 320), ("light", 1600)])  # each takes seconds to draw
async def test_the_reference_lists_every_operation_without_other_hosts(
    browser: Browser, served_site: Site, scheme: Scheme, width: int
) -> None:
    async with window(browser, served_site, scheme=scheme, width=width) as opened:
        page = await reference(await opened.open("/docs"))
        operations = [tag for one in operations_of(served_site.app.openapi()) for tag in one["tags"]]
        assert await page.locator(".opblock").count() == len(operations) > 50
        assert (brightness(await page.evaluate(BODY_GROUND)) < 200) == (scheme == "dark")
        assert await page.evaluate(OVERFLOW) == 0
        health = page.locator(".opblock", has=page.locator('[data-path="/health"]'))
        await health.locator(".opblock-summary-control").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        answer = page.locator(".live-responses-table .response-col_status").filter(has_text="200")
        await answer.wait_for()
        assert (opened.errors, opened.elsewhere) == ([], [])
        ground = await page.evaluate(BODY_GROUND)
        await page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")  # it follows the system
        await page.wait_for_function(f"ground => {BODY_GROUND} !== ground", arg=ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1600])
async def test_the_start_page_fits_and_leads_to_the_reference(
    browser: Browser, served_site: Site, scheme: Scheme, width: int
) -> None:
    await samples.seed(served_site.database)
    async with window(browser, served_site, scheme=scheme, width=width) as opened:
        page = await opened.open("/")
        assert await page.evaluate(OVERFLOW) == 0
        assert (brightness(await page.evaluate(BODY_GROUND)) < 200) == (scheme == "dark")
        assert await page.get_by_role("status").inner_text() == "Ready"
        assert (opened.errors, opened.elsewhere) == ([], [])
        await page.get_by_role("link", name="API reference").click(no_wait_after=True)
        await page.wait_for_url("**/docs", wait_until="commit")  # another test waits until it is drawn


async def test_the_start_page_needs_no_script(browser: Browser, served_site: Site) -> None:
    async with window(browser, served_site, scripts=False) as opened:
        page = await opened.open("/")
        assert await page.get_by_role("status").is_visible()
        page = await opened.open("/docs")
        assert await page.get_by_role("link", name="openapi.json").first.is_visible()
