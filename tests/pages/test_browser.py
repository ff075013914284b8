"""The pages in headless Chromium: what is shown, what is not run, with and without JavaScript."""

import io
from uuid import UUID

import av
import numpy as np
import pytest
from PIL import Image
from tests.pages.conftest import Site, Window


def picture(width: int = 320, height: int = 200) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "PNG")
    return file.getvalue()


def film() -> bytes:
    """A second of moving grey, as Chromium plays it without any licence."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for n in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((96, 160, 3), n * 20, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


async def shown(site: Site, name: str, content: bytes, mime_type: str, playback_id: str | None = None) -> str:
    deck_id, collection = await site.deck()
    output_id: UUID = await site.output(
        name, content, mime_type, playback_id=playback_id, deck_id=deck_id, collection=collection
    )
    return f"/watch/{output_id}"


async def test_an_image_is_seen(with_scripts: Window) -> None:
    page = await with_scripts.open(await shown(with_scripts.site, "a.png", picture(), "image/png"))
    image = page.locator("figure img")
    assert await image.evaluate("image => [image.complete, image.naturalWidth]") == [True, 320]
    assert await page.locator("h1").inner_text() == "Quiet Harbours"
    assert (with_scripts.errors, with_scripts.elsewhere) == ([], [])


async def test_a_native_video_plays(with_scripts: Window) -> None:
    page = await with_scripts.open(await shown(with_scripts.site, "a.webm", film(), "video/webm"))
    video = page.locator("figure video")
    await video.evaluate(
        "video => new Promise(seen => { video.muted = true; video.addEventListener('ended', seen); video.play() })"
    )
    assert await video.evaluate("video => [video.videoWidth, video.controls, video.error]") == [160, True, None]
    assert (with_scripts.errors, with_scripts.elsewhere) == ([], [])


async def test_native_files_need_no_script(without_scripts: Window) -> None:
    site = without_scripts.site
    page = await without_scripts.open(await shown(site, "a.webm", film(), "video/webm"))
    box = await page.locator("figure video").bounding_box()
    assert box is not None
    assert box["width"] >= 160
    page = await without_scripts.open(await shown(site, "a.png", picture(), "image/png"))
    assert await page.locator("figure img").is_visible()
    page = await without_scripts.open(await shown(site, "a.txt", b"a poem", "text/plain"))
    assert await page.locator("pre").inner_text() == "a poem"
    page = await without_scripts.open(await shown(site, "b.webm", film(), "video/webm", playback_id="playback1"))
    assert await page.locator("noscript video").is_visible(), "the plain file, when the player cannot run"


async def test_the_mux_player_asks_for_its_stream_and_nothing_else(with_scripts: Window) -> None:
    path = await shown(with_scripts.site, "a.webm", film(), "video/webm", playback_id="playback1")
    async with with_scripts.page.expect_request("https://stream.mux.com/playback1.m3u8*"):
        page = await with_scripts.open(path)
    assert await page.evaluate("customElements.get('mux-player') !== undefined")
    player = page.locator("mux-player")
    assert await player.evaluate("player => [player.playbackId, player.streamType, player.shadowRoot !== null]") == [
        "playback1",
        "on-demand",
        True,
    ]
    assert not await page.locator("noscript").is_visible()
    hosts = {url.split("/")[2] for url in with_scripts.elsewhere}
    assert hosts <= {"stream.mux.com", "image.mux.com"}


async def test_no_content_runs(with_scripts: Window) -> None:
    """SVG, HTML and text that carry a script, opened as files and as pages."""
    site = with_scripts.site
    mark = "<script>document.documentElement.dataset.ran = 'yes'</script>"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="document.documentElement.dataset.ran = 1">{mark}</svg>'
    for name, content, mime_type in (
        ("a.svg", svg, "image/svg+xml"),
        ("b.txt", f"<html>{mark}</html>", "text/html"),
        ("c.json", f"<html>{mark}</html>", "application/json"),
        ("d.png", f"<html>{mark}</html>", "image/png"),
    ):
        for path in (await shown(site, name, content.encode(), mime_type), f"/files/{name}"):
            if path.startswith("/files/") and name == "a.svg":
                continue  # a download: the browser does not open it
            page = await with_scripts.open(path)
            assert await page.evaluate("document.documentElement.dataset.ran === undefined"), (path, name)


async def test_a_gallery_leads_to_its_outputs(with_scripts: Window) -> None:
    site = with_scripts.site
    deck_id, collection = await site.deck()
    output_id = await site.output("a.png", picture(), "image/png", deck_id=deck_id, collection=collection)
    await site.output("b.webm", film(), "video/webm", deck_id=deck_id, collection=collection)
    page = await with_scripts.open(f"/d/{deck_id}")
    assert await page.locator(".tiles a").count() == 2
    assert await page.locator(".tiles img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/watch/{output_id}")
    await page.get_by_role("link", name="Evening Light").click()
    await page.wait_for_url(f"**/d/{deck_id}")
    assert (with_scripts.errors, with_scripts.elsewhere) == ([], [])


@pytest.mark.parametrize("width", [320, 1400])
async def test_pages_fit_the_window(with_scripts: Window, width: int) -> None:
    await with_scripts.page.set_viewport_size({"width": width, "height": 640})
    page = await with_scripts.open(await shown(with_scripts.site, "a.png", picture(2400, 1800), "image/png"))
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) == 0
    box = await page.locator("figcaption").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 640, "the caption is in sight"
