"""How the console's files are served: compressed, kept by browsers where their names change, under a strict policy."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers

from emprops.console import built as files
from emprops.console.built import STATIC, Built, built
from emprops.console.endpoints import POLICY
from emprops.settings import Settings


async def test_every_path_is_the_page_and_its_base_is_where_it_is_reached(client: httpx2.AsyncClient) -> None:
    for path in ("/console/", "/console/library", "/console/o/anything?a=b"):
        page = await client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["cache-control"] == "no-cache"
        assert '<base href="/console/" />' in page.text
    moved = await client.get("/console")
    assert (moved.status_code, moved.headers["location"]) == (308, "/console/")


async def test_below_another_path_the_page_says_so(
    app: FastAPI, client: httpx2.AsyncClient, settings: Settings
) -> None:
    below = settings.model_copy(update={"public_url": "http://localhost/studio"})
    app.state.resources = replace(app.state.resources, settings=below)
    assert '<base href="/studio/console/" />' in (await client.get("/console/")).text


async def test_files_are_sent_in_the_smallest_encoding_that_is_taken(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/console/")).text
    [script] = re.findall(r'src="\./(assets/index-[^"]+\.js)"', page)
    sizes = {}
    for coding, suffix in (("br", ".br"), ("gzip", ".gz"), ("identity", "")):
        async with client.stream("GET", f"/console/{script}", headers={"Accept-Encoding": coding}) as answer:
            sizes[coding] = int(answer.headers["content-length"])
            assert answer.headers.get("content-encoding", "identity") == coding
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert "javascript" in answer.headers["content-type"]
            body = b"".join([part async for part in answer.aiter_raw()])
            assert body == (STATIC / f"{script}{suffix}").read_bytes()
    assert sizes["br"] < sizes["gzip"] < sizes["identity"]


async def test_a_file_of_another_build_is_no_page(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/console/assets/index-old.js")
    assert missing.status_code == 404
    assert "reload the page" in missing.json()["error"]


def test_a_file_that_a_later_build_took_away_is_not_there() -> None:
    console = Built(frozenset({"assets/gone.js"}), "", None)
    assert console.send("assets/gone.js", Headers()) is None


async def test_what_is_not_a_file_of_the_build_is_not_sent(client: httpx2.AsyncClient) -> None:
    for path in ("/console/..%2fbuilt.py", "/console/.inputs/../../built.py", "/console/%2e%2e/endpoints.py"):
        assert "import" not in (await client.get(path)).text


async def test_a_build_that_changes_under_a_running_api_is_sent(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    static = tmp_path / "static"
    monkeypatch.setattr(files, "STATIC", static)
    assert (await client.get("/console/")).status_code == 503
    for name in ("old", "new"):
        shutil.rmtree(static, ignore_errors=True)
        (static / "assets").mkdir(parents=True)
        (static / "assets" / f"{name}.js").write_text(name)
        (static / "manifest.json").write_text("{}")
        (static / "index.html").write_text(f"<p>{name}</p>")
        assert (await client.get("/console/")).text == f"<p>{name}</p>"
        assert (await client.get(f"/console/assets/{name}.js")).text == name
    assert (await client.get("/console/assets/old.js")).status_code == 404


def test_the_build_has_the_licences_of_what_is_in_it() -> None:
    console = built()
    assert console is not None
    assert {"react", "@base-ui/react", "@mux/mux-player"} <= set(
        re.findall(r"^## (\S+) -", (STATIC / "licenses.md").read_text(), re.MULTILINE)
    )
    assert console.player is not None
    assert (STATIC / console.player).is_file()
