"""What the pages say, to whom, and what they may load."""

import re
from html import unescape
from uuid import UUID

import pytest
from tests.apps import as_user
from tests.factories import make_collection, make_deck, make_output, make_user
from tests.pages.conftest import Site

from emprops.auth.share import ShareLinks
from emprops.kit.ids import new_id
from emprops.pages.display import kind_of, policy, source_of
from emprops.pages.rendering import STATIC, TYPES
from emprops.settings import Settings, SettingsError

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PICTURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("mime_type", "playback_id", "tag"),
    [
        ("video/mp4", "abc", "<mux-player "),
        ("video/mp4", None, "<video "),
        ("image/png", None, "<img "),
        ("image/png", "abc", "<img "),
        ("audio/mpeg", None, "<audio "),
        ("text/plain", None, "<pre "),
        ("application/pdf", None, "Download the file"),
        ("image/svg+xml", None, "Download the file"),
    ],
)
async def test_the_decision_tree(site: Site, mime_type: str, playback_id: str | None, tag: str) -> None:
    deck_id, collection = await site.deck()
    name = "a." + {"text/plain": "txt", "video/mp4": "mp4", "image/png": "png"}.get(mime_type, "bin")
    output_id = await site.output(
        name, b"words", mime_type, playback_id=playback_id, deck_id=deck_id, collection=collection
    )
    reply = await site.http.get(f"/watch/{output_id}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert tag in reply.text
    others = {"<mux-player ", "<video ", "<img ", "<audio ", "<pre "} - {tag}
    if tag == "<mux-player ":
        others -= {"<video "}  # without JavaScript
        assert 'playback-id="abc"' in reply.text
        assert re.search(r"<noscript>\s*<video src=\"/files/a.mp4\"", reply.text)
    assert not [other for other in others if other in reply.text]
    csp = reply.headers["content-security-policy"]
    assert "default-src 'none'" in csp
    assert "frame-ancestors 'self'" in csp  # the console frames it
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"
    assert ("script-src" in csp) == ("mux.com" in csp) == (tag == "<mux-player ")
    assert reply.headers["cache-control"] == "no-store"


async def test_text_is_text(site: Site) -> None:
    output_id = await site.output("a.txt", "<script>alert('é')</script>".encode(), "text/plain")
    reply = await site.http.get(f"/watch/{output_id}", headers=as_user(await site.owner_of(output_id)))
    assert "<script" not in reply.text
    assert "<script>alert('é')</script>" in unescape(reply.text)


async def test_states(site: Site) -> None:
    async with site.database.transaction() as tx:
        pending = await make_output(tx)
        failed = await make_output(tx, status="failed", error_message="secret reason")
    for output_id, words in ((pending, "being made"), (failed, "could not be made")):
        reply = await site.http.get(f"/watch/{output_id}", headers=as_user(await site.owner_of(output_id)))
        assert words in reply.text
        assert "secret reason" not in reply.text
        assert ('http-equiv="refresh"' in reply.text) == (output_id == pending)


async def test_who_may_watch(site: Site) -> None:
    active, collection = await site.deck("active")
    output_id = await site.output("a.png", PICTURE, "image/png", deck_id=active, collection=collection)
    owner, address = await site.owner_of(output_id), f"/watch/{output_id}"
    async with site.database.transaction() as tx:
        stranger = await make_user(tx)
    assert (await site.http.get(address, headers=as_user(owner))).status_code == 200
    assert (await site.http.get(address)).status_code == 404
    assert (await site.http.get(address, headers=as_user(stranger))).status_code == 404
    link = (await site.http.get(f"/outputs/{output_id}", headers=as_user(owner))).json()["data"]["watch_url"]
    assert link.startswith(f"{site.settings.base_url}{address}?t=")
    token = link.partition("?t=")[2]
    assert (await site.http.get(f"{address}?t={token}")).status_code == 200
    other_id = await site.output("b.png", PICTURE, "image/png")
    assert (await site.http.get(f"/watch/{other_id}?t={token}")).status_code == 404
    assert (await site.http.get(f"{address}?t={token[:-1]}{'A' if token[-1] != 'A' else 'B'}")).status_code == 404
    async with site.database.transaction() as tx:
        await tx.execute("UPDATE deck SET status = 'published' WHERE id = %s", (active,))
    assert (await site.http.get(address)).status_code == 200
    shared = (await site.http.get(f"/outputs/{output_id}", headers=as_user(stranger))).json()["data"]["watch_url"]
    assert shared == f"{site.settings.base_url}{address}"
    async with site.database.transaction() as tx:
        await tx.execute("UPDATE output SET status = 'hidden' WHERE id = %s", (output_id,))
    assert (await site.http.get(f"{address}?t={token}", headers=as_user(owner))).status_code == 404
    hidden = (await site.http.get(f"/outputs/{output_id}", headers=as_user(owner))).json()["data"]
    assert hidden["watch_url"] is None


@pytest.mark.parametrize("path", ["/watch/{}", "/d/{}", "/watch/nonsense", "/d/nonsense", "/watch/{}%0A"])
async def test_what_is_not_there(site: Site, path: str) -> None:
    page = await site.http.get(path.format(new_id()), headers=BROWSER)
    assert page.status_code == 404
    assert "Nothing to see here" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    plain = await site.http.get(path.format(new_id()))
    assert (plain.status_code, plain.json()["code"]) == (404, "not_found")


async def test_a_published_deck_is_a_gallery(site: Site) -> None:
    deck_id, collection = await site.deck(name="<b>Light</b> & more")
    outputs = [
        await site.output(name, PICTURE, kind, deck_id=deck_id, collection=collection)
        for name, kind in (("a.png", "image/png"), ("b.mp4", "video/mp4"), ("c.txt", "text/plain"))
    ]
    async with site.database.transaction() as tx:
        for status in ("pending", "failed", "hidden"):
            await make_output(tx, collection, deck_id=deck_id, status=status)
    reply = await site.http.get(f"/d/{deck_id}")
    assert reply.status_code == 200
    assert re.findall(r'href="/watch/([0-9a-f-]+)"', reply.text) == [str(one) for one in outputs]
    assert '<img src="/files/a.png"' in reply.text
    assert '<video src="/files/b.mp4#t=0.1"' in reply.text
    assert "&lt;b&gt;Light&lt;/b&gt; &amp; more" in reply.text
    assert "script-src" not in reply.headers["content-security-policy"]


@pytest.mark.parametrize("status", ["active", "archived", "locked"])
async def test_other_decks_are_their_owners(site: Site, status: str) -> None:
    deck_id, collection = await site.deck(status)
    assert (await site.http.get(f"/d/{deck_id}")).status_code == 404
    own = await site.http.get(f"/d/{deck_id}", headers=as_user(collection.user_id))
    assert own.status_code == 200
    assert "nothing in this deck yet" in own.text


async def test_a_large_deck_has_pages(site: Site) -> None:
    async with site.database.transaction() as tx:
        collection = await make_collection(tx)
        deck_id = await make_deck(tx, collection, status="published")
        for _ in range(61):
            await make_output(tx, collection, deck_id=deck_id, status="completed")
    first, second, third = [(await site.http.get(f"/d/{deck_id}?page={page}")).text for page in (1, 2, 3)]
    assert [text.count("<li>") for text in (first, second, third)] == [60, 1, 0]
    assert "?page=2" in first
    assert "?page=1" in second
    assert (await site.http.get(f"/d/{deck_id}?page=0")).status_code == 400


async def test_static_files(site: Site) -> None:
    for path in STATIC.iterdir():
        reply = await site.http.get(f"/watch/static/{path.name}")
        assert reply.status_code == (200 if path.suffix in TYPES else 404)
        assert ("immutable" in reply.headers["cache-control"]) == (path.suffix in TYPES)
    for name in ("..%2Fpages.py", ".", "missing.css"):
        assert (await site.http.get(f"/watch/static/{name}")).status_code == 404


HERE = Settings(public_url="https://emprops.example/base")


@pytest.mark.parametrize(
    ("url", "address", "origin"),
    [
        ("https://emprops.example/base/files/a/b.png", "/base/files/a/b.png", None),
        ("https://cdn.example.com/x.mp4?y=1", "https://cdn.example.com/x.mp4?y=1", "https://cdn.example.com"),
        ("http://Cdn.Example.com:8080/x", "http://Cdn.Example.com:8080/x", "http://cdn.example.com:8080"),
    ],
)
def test_addresses(url: str, address: str, origin: str | None) -> None:
    source = source_of(HERE, url)
    assert source is not None
    assert (source.address, source.origin) == (address, origin)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "https://a;script-src *", "https://x y/", "//", "", "ftp://x/y",
     "https://user@host/", "https://[", "https://*.example.com/"],
)  # fmt: skip
def test_addresses_that_no_page_names(url: str) -> None:
    assert source_of(HERE, url) is None
    assert source_of(HERE, None) is None


def test_kinds() -> None:
    assert kind_of("completed", None, "u", None) == "file"
    assert kind_of("completed", "video/mp4", None, "p") == "pending"
    assert kind_of("processing", "video/mp4", "u", "p") == "pending"
    assert kind_of("completed", "application/json", "u", None) == "text"
    assert kind_of("completed", "VIDEO/MP4", "u", None) == "video"
    assert "https://*.mux.com" not in policy(["video"], [])


class Now:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


def test_links_end(tmp_path: object) -> None:
    settings = Settings(share_secret="s" * 20 + "0123456789abcdef", share_days=2, data_dir=tmp_path)  # type: ignore[arg-type]
    now, output_id = Now(), UUID(int=7)
    links = ShareLinks(settings, now)
    token = links.token(output_id)
    now.time += 2 * 86_400
    assert links.opens(token, output_id)
    now.time += 86_400
    assert not links.opens(token, output_id)
    for nonsense in ("", ".", "1.", "9999999999." + "A" * 43, token + "A", token.replace(".", "0."), "é" * 60):
        assert not links.opens(nonsense, output_id)


def test_the_secret_of_links(tmp_path) -> None:  # type: ignore[no-untyped-def]
    output_id = UUID(int=7)
    folder = tmp_path / "data"
    first = ShareLinks(Settings(data_dir=folder))
    assert not folder.exists(), "nothing is made before it is needed"
    token = first.token(output_id)
    [kept] = folder.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert ShareLinks(Settings(data_dir=folder)).opens(token, output_id), "another process on the same folder"
    assert not ShareLinks(Settings(data_dir=tmp_path / "other")).opens(token, output_id)
    jwt = ShareLinks(Settings(jwt_secret="j" * 40, data_dir=tmp_path / "none"))
    assert jwt.opens(jwt.token(output_id), output_id)
    assert not (tmp_path / "none").exists()
    with pytest.raises(SettingsError, match="EMPROPS_SHARE_SECRET"):
        ShareLinks(Settings(share_secret="short"))
