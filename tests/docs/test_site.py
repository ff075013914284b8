"""The documentation site: what fails its build, and that it works from disk, without any other host."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from tools.site import build

ROOT = Path(__file__).parents[2]
SMALL = """
[project]
site_name = "Small"
use_directory_urls = false
nav = ["index.md", "other.md"]

[project.theme]
font = false
"""


def small_site(folder: Path, text: str) -> list[str]:
    """Build a site of two pages, one of which says this, and return its problems."""
    (folder / "docs").mkdir()
    (folder / "zensical.toml").write_text(SMALL)
    (folder / "docs" / "index.md").write_text(f"# Start\n\n{text}\n")
    (folder / "docs" / "other.md").write_text("# Other\n\n## A part\n\nText.\n")
    return build.build(folder)


def test_links_that_lead_somewhere_pass(tmp_path: Path) -> None:
    links = "[a](other.md#a-part), [b](#start), [c](https://example.com/nowhere#at-all), [d](mailto:a@example.com)"
    assert small_site(tmp_path, f'{links} <a href="other.html#a-part">e</a>') == []


def test_broken_links_of_markdown_fail_the_build(tmp_path: Path) -> None:
    [problems] = small_site(tmp_path, "[a](missing.md) [b](other.md#nowhere) [c](#nowhere)")
    assert problems.count("page does not exist") == 2, "each is said twice: as a heading, and below the link"
    assert problems.count("anchor does not exist") == 4


def test_what_leads_nowhere_in_a_built_page_fails_the_build(tmp_path: Path) -> None:
    text = (
        "[a](../zensical.toml) ![b](missing.png) ![c](https://example.com/a.png)"
        ' <a href="missing.html">d</a> <a href="other.html#nowhere">e</a>'
    )
    assert sorted(small_site(tmp_path, text)) == [
        "index.html loads https://example.com/a.png from elsewhere",
        "index.html refers to ../zensical.toml, which is not there",
        "index.html refers to missing.html, which is not there",
        "index.html refers to missing.png, which is not there",
        "index.html refers to other.html#nowhere, which is not there",
    ]


def test_a_page_that_the_navigation_lacks_fails(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    (tmp_path / "docs" / "how-to" / "forgotten.md").write_text("# Forgotten\n")
    assert build.prepare(tmp_path) == ["how-to/forgotten.md is not in the navigation of zensical.toml"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real site, built elsewhere."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    assert build.prepare(folder) == []
    assert build.build(folder) == []
    return folder / "site"


async def from_disk(browser: Browser, page: Path) -> tuple[Page, list[str]]:
    """Open a page from disk; the list gets what it asks of other hosts, and what goes wrong in it."""
    opened = await browser.new_page()
    wrong: list[str] = []
    opened.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    await opened.goto(page.as_uri(), wait_until="load")
    return opened, wrong


@pytest.mark.parametrize("name", ["00-map.html", "02-job-states.html", "03-redis.html"])
async def test_diagrams_are_drawn(browser: Browser, site: Path, name: str) -> None:
    page, wrong = await from_disk(browser, site / name)
    diagram = page.locator("div.mermaid").first
    await diagram.wait_for()
    box = await diagram.bounding_box()
    assert box is not None
    assert box["height"] > 100
    assert wrong == []
    await page.close()


async def test_the_search_finds_without_a_server(browser: Browser, site: Path) -> None:
    page, wrong = await from_disk(browser, site / "how-to" / "deploy.html")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("worker_grace")
    await page.locator("ol li").filter(has_text="EMPROPS_WORKER_GRACE").first.wait_for()
    assert wrong == []
    await page.close()


async def test_commands_are_copied_without_prompts(browser: Browser, site: Path) -> None:
    page, _ = await from_disk(browser, site / "index.html")
    shown = await page.locator(".highlight code").first.inner_text()
    assert shown.startswith("$ make up")
    copied = (
        "code => { code.setAttribute('data-md-copying', ''); const text = code.innerText;"
        " code.removeAttribute('data-md-copying'); return text; }"
    )
    assert (await page.locator(".highlight code").first.evaluate(copied)).startswith("make up\n.venv")
    await page.close()
