"""Jobs in the console: a list that is true and stays fast, and a page that says what happens to one."""

import re
import signal
from asyncio.subprocess import Process

from playwright.async_api import Locator, Page, expect
from tests.console.conftest import OVERFLOW, Console, Window, asked_for, running
from tests.factories import make_collection, make_job

from emprops.kit.ids import new_id

MANY = 1_200
LARGEST = 2**64 - 1


def rows(page: Page) -> Locator:
    return page.locator("main ul > li")


async def many_jobs(console: Console) -> None:
    """Store jobs that have ended, one in a hundred with a failure."""
    async with console.system.database.transaction() as tx:
        collection = await make_collection(tx, console.system.user_id, title="Quiet Harbours", status="published")
        await tx.execute(
            """
            INSERT INTO job (id, user_id, collection_id, name, total_steps, data, status, error_message, started_at,
                             completed_at, created_at)
            SELECT gen_random_uuid(), %(user)s, %(collection)s, '', 1, '{}', status,
                   CASE status WHEN 'failed' THEN 'The <b>model</b> is away.' END, now(), now(),
                   now() - n * interval '1 minute'
            FROM (SELECT n, CASE n %% 100 WHEN 0 THEN 'failed' ELSE 'completed' END
                  FROM generate_series(1, %(many)s) n) AS made (n, status)
            """,
            {"user": console.system.user_id, "collection": collection.id, "many": MANY},
        )


async def test_a_long_list_stays_small_and_its_filters_are_in_the_address(console: Console) -> None:
    await many_jobs(console)
    async with console.window() as window:
        asked, parts = asked_for(window.page, "/api/jobs"), asked_for(window.page, "cursor=")
        page = await window.open("/jobs")
        await expect(page.get_by_role("link", name="All 1,200")).to_have_attribute("aria-current", "page")
        for part in range(1, 5):
            await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            await expect(page.locator(f"[aria-posinset='{part * 50 + 1}']")).to_be_attached()
        assert await rows(page).count() < 60
        assert len(parts) == len(set(parts)) >= 4, "each part is asked for once, however slowly it comes"
        await page.evaluate("scrollTo(0, 0)")

        await page.get_by_role("link", name="Failed 12").click()
        await page.wait_for_url("**/jobs?status=failed")
        await expect(rows(page)).to_have_count(12)
        await expect(rows(page).first).to_contain_text("The <b>model</b> is away.")  # text, not HTML
        await page.get_by_label("Time").select_option("day")
        await page.wait_for_url("**/jobs?status=failed&period=day")
        await page.get_by_label("Select Quiet Harbours").first.click()
        await page.get_by_text("1 selected").wait_for()
        assert await window.faults() == []
        copied = page.url
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("1 selected")).to_have_count(0)

        await page.get_by_label("Search in prompts").fill("zebra")
        await page.get_by_role("heading", name="No job matches").wait_for()
        await page.get_by_role("link", name="Show all jobs").click()
        await expect(page.get_by_role("link", name="All 1,200")).to_be_visible()
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate(OVERFLOW) == 0
        assert len(asked) < 100, "the channel told of 1,200 ends, which is one reason to look again"
        window.clean()
    async with console.window() as other:
        await other.page.goto(copied)
        await other.page.get_by_text("1 selected").wait_for()
        await expect(rows(other.page)).to_have_count(12)
        await expect(other.page.get_by_label("Time")).to_have_value("day")


async def test_an_empty_list_says_what_to_do(window: Window) -> None:
    page = await window.open("/jobs")
    await page.get_by_role("heading", name="No jobs yet").wait_for()
    await page.get_by_role("link", name="Create something").click()
    await page.wait_for_url("**/create")


async def test_many_are_cancelled_and_retried_at_once(console: Console, window: Window) -> None:
    """Without a worker, so all of them wait."""
    page = await window.open("/jobs")
    await page.get_by_role("heading", name="No jobs yet").wait_for()
    for number in range(4):
        await console.system.generate("art", {"prompt": f"fox {number}"})
    await expect(rows(page)).to_have_count(4)  # they appear by themselves
    await expect(page.get_by_role("link", name="Waiting 4")).to_be_visible()
    checks = page.get_by_label("Select Generative Art")
    await checks.nth(0).click()
    await checks.nth(2).click(modifiers=["Shift"])
    await page.get_by_text("3 selected").wait_for()
    await page.get_by_role("button", name="Cancel 3").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel 3 jobs").click()
    await page.get_by_text("3 jobs are cancelled.").wait_for()
    await expect(rows(page).filter(has_text="Cancelled")).to_have_count(3)
    await expect(page.get_by_role("link", name="Failed 3")).to_be_visible()
    await checks.nth(0).click()
    await checks.nth(3).click()  # it waits, so there is nothing to retry
    await page.get_by_role("button", name="Retry 1").click()
    await page.get_by_text("1 job is tried again.").wait_for()
    await expect(rows(page).filter(has_text="Waiting")).to_have_count(2)


async def test_a_waiting_job_says_why_and_can_be_cancelled_and_retried(console: Console, window: Window) -> None:
    first = await console.system.generate("art", {"prompt": "<img src=x onerror=alert(1)>", "seed": 4294967295})
    page = await window.open(f"/jobs/{first}")
    await page.get_by_role("heading", name="Generative Art").wait_for()
    await page.get_by_text("No worker is running.").wait_for()
    await page.get_by_text("<img src=x onerror=alert(1)>").wait_for()
    assert await page.locator("img[src=x]").count() == 0
    assert await window.faults() == []
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    await page.get_by_text("The job is cancelled.").wait_for()
    await expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
    await page.get_by_role("button", name="Retry").click()
    await page.get_by_role("heading", name="Retry 1").wait_for()
    await expect(page.get_by_role("heading", name="First attempt")).to_be_visible()
    await expect(page.get_by_role("link", name="Reuse its parameters")).to_have_attribute(
        "href", re.compile(rf"create/art\?from={first}")
    )
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate(OVERFLOW) == 0


async def test_large_integers_are_exact_and_foreign_jobs_are_not_there(console: Console, window: Window) -> None:
    async with console.system.database.transaction() as tx:
        mine = await make_job(tx, console.system.user_id, status="completed", variables={"seed": LARGEST})
        foreign = await make_job(tx)
    page = await window.open(f"/jobs/{mine.id}")
    await page.get_by_text(str(LARGEST)).first.wait_for()
    window.clean()
    for gone in (foreign.id, new_id(), "nonsense"):
        await page.goto(f"{console.base}/console/jobs/{gone}")
        await page.get_by_role("heading", name="There is no such job").wait_for()
    assert all("Failed to load resource" in error for error in window.errors)
    window.errors.clear()  # Chromium tells of every 404
    await page.get_by_role("link", name="Show your jobs").click()
    await expect(rows(page)).to_have_count(1)


async def test_a_job_is_followed_to_its_result_also_over_a_reload(
    console: Console, slow_art: str, worker: Process, window: Window
) -> None:
    page = await window.open("/jobs")
    await page.get_by_role("heading", name="No jobs yet").wait_for()
    job = await console.system.generate(slow_art, {"prompt": "a harbour"})
    await expect(rows(page)).to_have_count(1)
    await running(console, job, worker)
    await expect(rows(page).get_by_role("progressbar")).to_be_visible()
    await rows(page).get_by_role("link").click()
    await page.wait_for_url(f"**/jobs/{job}")
    await page.reload()
    await expect(page.get_by_role("progressbar")).to_be_visible()
    worker.send_signal(signal.SIGCONT)
    seen = await page.evaluate(
        """async () => {
            const bar = () => document.querySelector('[role=progressbar]');
            const seen = [];
            while (bar()) {
                seen.push(Number(bar().getAttribute('aria-valuenow')));
                await new Promise(requestAnimationFrame);
            }
            return seen;
        }"""
    )
    assert seen == sorted(seen), "progress never falls"
    result = page.get_by_role("list", name="Results").get_by_role("link")
    await expect(result.locator("img")).to_be_visible()
    await expect(page.get_by_text("Done", exact=True).first).to_be_visible()
    await expect(page.get_by_text(re.compile(r"ran .* on "))).to_be_visible()
    [output] = (await console.system.get(f"/api/jobs/{job}"))["output_ids"]
    await expect(result).to_have_attribute("href", re.compile(f"/o/{output}$"))
    assert await window.faults() == []
