"""What is around every page: no one is asked anything on their own machine, and nothing comes from elsewhere."""

from tests.console.conftest import Console, Window


async def test_the_user_of_this_machine_is_let_in(window: Window) -> None:
    page = await window.open()
    await page.get_by_role("navigation", name="Main").wait_for()
    [cookie] = await window.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert await window.faults() == []


async def test_an_address_that_leads_nowhere_says_so(window: Window) -> None:
    page = await window.open("/nowhere")
    await page.get_by_role("heading", name="There is no such page").wait_for()


async def test_first_view_is_small(console: Console) -> None:
    """At most 150 kB, compressed, for the first page with its fonts."""
    async with console.window() as window:
        sizes: list[int] = []

        async def weigh(response) -> None:  # type: ignore[no-untyped-def]
            if "/console/" in response.url:
                sizes.append(int((await response.all_headers()).get("content-length", 0)))

        window.page.on("response", weigh)
        page = await window.open()
        await page.get_by_role("navigation", name="Main").wait_for()
        await page.wait_for_load_state("networkidle")
        assert 50_000 < sum(sizes) <= 150_000
