"""The start page and the API reference: what they say, in which mode, and that they load nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
import redis.asyncio
from tests.apps import api, client_of
from tests.engines import Engines

from emprops import __version__
from emprops.kit.database import Database
from emprops.samples import store as samples
from emprops.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
SECRET = "u7Wq2ZkT9vN4xB6mR8cJ1hL3pF5sD0gY"


class References(HTMLParser):
    """Every address that a page names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "data-document")]


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_all_that_a_page_refers_to_is_here(client: httpx2.AsyncClient, path: str) -> None:
    page = await client.get(path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    references = References(page.text).found
    assert len(references) > 3
    for reference in references:
        assert reference.startswith("/"), reference
        answer = await client.get(reference, headers={"Accept": "*/*"})
        assert answer.status_code == 200, reference
        if ".css" in reference:
            loaded = re.findall(r"url\((?!['\"]?data:)[^)]*|@import", answer.text)
            assert loaded == [], reference


async def test_the_start_page_shows_the_way_to_a_first_picture(client: httpx2.AsyncClient, database: Database) -> None:
    page = (await client.get("/", headers=BROWSER)).text
    assert f"Version {__version__}" in page
    assert ">Ready<" in page
    assert "emprops db samples" in page
    await samples.seed(database)
    page = (await client.get("/", headers=BROWSER)).text
    assert "emprops generate art" in page
    assert "emprops db samples" not in page
    found = re.search(r"user_id: ([0-9a-f-]{36})", page)
    assert found is not None
    answer = await client.post(
        "/api/collections/art/generate",
        headers={"user_id": found[1]},
        json={"variables": {"prompt": "a lighthouse at dusk"}},
    )
    assert answer.json()["data"]["jobId"], "the command of the page works"


async def test_the_start_page_says_what_is_missing(client: httpx2.AsyncClient, engines: Engines) -> None:
    engines.kill_redis()
    page = (await client.get("/", headers=BROWSER)).text
    assert ">Not ready<" in page
    assert "<strong>redis</strong> away" in page
    assert (await client.get("/")).json()["data"]["ready"] is False


async def test_programs_get_json(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.json() == {
        "data": {
            "name": "EmProps",
            "version": __version__,
            "ready": True,
            "links": {"health": "/health", "ready": "/ready", "docs": "/docs", "openapi": "/openapi.json"},
        },
        "error": None,
    }


async def test_production_shows_little(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path, engines: Engines
) -> None:
    production = settings.model_copy(
        update={"mode": "production", "jwt_secret": type(settings.jwt_secret)(SECRET), "data_dir": tmp_path}
    )
    async with api(production, database, redis, tmp_path / "files") as app, client_of(app) as client:
        page = await client.get("/", headers=BROWSER)
        assert ">Ready<" in page.text
        assert References(page.text).found[-2:] == ["/health", "/ready"]
        for word in (__version__, "production", "/docs", "openapi", "generate", str(tmp_path)):
            assert word not in page.text, word
        assert set((await client.get("/")).json()["data"]) == {"name", "ready", "links"}
        reference = await client.get("/docs", headers=BROWSER)
        assert reference.status_code == 404
        assert "swagger" not in reference.text
        engines.kill_redis()
        page = await client.get("/", headers=BROWSER)
        assert ">Not ready<" in page.text
        assert "redis" not in page.text.lower()


async def test_pages_know_the_path_they_are_reached_at(
    settings: Settings, database: Database, redis: redis.asyncio.Redis, tmp_path: Path
) -> None:
    below = settings.model_copy(update={"public_url": "http://testserver/media"})
    async with api(below, database, redis, tmp_path) as app, client_of(app) as client:
        for path in ("/", "/docs"):
            found = References((await client.get(path, headers=BROWSER)).text).found
            assert all(reference.startswith("/media/") for reference in found), found
