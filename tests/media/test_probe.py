"""What files are, told by their content; files made to do harm are put in front of the same code."""

import asyncio
import os
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.media.builders import picture, saved, sound, video

from emprops.media import inspect_video
from emprops.media.probe import Facts, probe
from emprops.media.sniff import sniff
from emprops.media.thumbnail import UnreadableError
from emprops.media.types import DOWNLOAD, extension_of, served_type


async def look(folder: Path, content: bytes, *, timeout: float = 30) -> Facts:
    path = folder / "file.mp4"  # whatever it is: names mean nothing
    path.write_bytes(content)
    return await probe(path, folder, timeout=timeout)


@pytest.mark.parametrize(
    ("kind", "mime_type", "mode"),
    [
        ("PNG", "image/png", "RGBA"),
        ("JPEG", "image/jpeg", "L"),
        ("WEBP", "image/webp", "RGB"),
        ("GIF", "image/gif", "P"),
    ],
)
async def test_pictures(tmp_path: Path, kind: str, mime_type: str, mode: str) -> None:
    facts = await look(tmp_path, picture(kind, mode=mode))
    assert (facts.mime_type, facts.width, facts.height, facts.error) == (mime_type, 1200, 800, None)
    assert facts.thumbnail is not None
    with Image.open(facts.thumbnail) as small:
        assert (small.format, small.size) == ("WEBP", (512, 341))
        assert not small.getexif()


async def test_a_turned_picture_is_measured_and_shown_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    facts = await look(tmp_path, picture("JPEG", exif=exif))
    assert (facts.width, facts.height) == (800, 1200)
    assert facts.thumbnail is not None
    with Image.open(facts.thumbnail) as small:
        assert small.size == (341, 512)


async def test_a_large_picture_of_deep_grey_fits_into_the_memory(tmp_path: Path) -> None:
    content = saved(Image.new("I;16", (7_900, 7_900), 32_768), "PNG", compress_level=1)
    facts = await look(tmp_path, content)
    assert facts.thumbnail is not None, facts.error
    with Image.open(facts.thumbnail) as small:
        assert abs(small.getpixel((300, 300))[0] - 128) < 3  # type: ignore[index]


async def test_videos_and_sounds(tmp_path: Path) -> None:
    for content, mime_type in [
        (video(tmp_path), "video/mp4"),
        (video(tmp_path, "webm", "libvpx"), "video/webm"),
    ]:
        facts = await look(tmp_path, content)
        assert (facts.mime_type, facts.width, facts.height, facts.error) == (mime_type, 320, 180, None)
        assert facts.duration == pytest.approx(2, abs=0.2)
        assert facts.thumbnail is not None
        with Image.open(facts.thumbnail) as poster:
            assert poster.size == (320, 180)
        facts.thumbnail.unlink()
    heard = await look(tmp_path, sound(tmp_path))
    assert (heard.mime_type, heard.thumbnail, heard.error) == ("audio/wav", None, None)
    assert heard.duration == pytest.approx(1, abs=0.1)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is this large, with next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("bomb", lambda _: bomb(50_000, 50_000), "megapixels"),
        ("bomb within Pillow's own limit", lambda _: bomb(9_000, 9_000), "megapixels"),
        ("empty inside", lambda _: bomb(7_000, 7_000), "damaged"),
        ("truncated picture", lambda _: picture("PNG")[:-400], "damaged"),
        ("truncated jpeg", lambda _: picture("JPEG")[:900], "damaged"),
        ("only a head", lambda _: b"\x89PNG\r\n\x1a\n", "damaged"),
        ("truncated video", lambda folder: video(folder)[:600], "damaged"),
        ("only a brand", lambda _: b"\0\0\0\x18ftypisom" + bytes(12), "damaged"),
        ("noise", lambda _: b"\0\0\0\x18ftypisom" + os.urandom(9000), "damaged"),
        ("no webm", lambda _: b"\x1a\x45\xdf\xa3webm" + os.urandom(9000), "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_harmful_files_give_a_sentence(
    tmp_path: Path, name: str, make: Callable[[Path], bytes], sentence: str
) -> None:
    facts = await look(tmp_path, make(tmp_path))
    assert facts.error is not None
    assert sentence in facts.error
    assert str(tmp_path) not in facts.error
    assert "file.mp4" not in facts.error
    assert facts.mime_type is not None
    assert (facts.width, facts.thumbnail) == (None, None)


async def test_a_child_that_hangs_is_killed(tmp_path: Path) -> None:
    """A pipe in place of the file: reading it never ends."""
    os.mkfifo(tmp_path / "pipe")
    keep_open = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(keep_open, picture("PNG")[:4096].ljust(4096, b"\0") + b"\x89PNG\r\n\x1a\n")
        facts = await probe(tmp_path / "pipe", tmp_path, timeout=1)
    finally:
        os.close(keep_open)
    assert facts.error == "The file takes too long to read."


async def run_child(code: str) -> int:
    script = f"from emprops.media import inspect\ninspect.confine()\n{code}"
    child = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", script, stderr=asyncio.subprocess.DEVNULL)
    return await child.wait()


async def test_the_childs_limits_hold(tmp_path: Path) -> None:
    assert await run_child("x = bytes(300_000_000)") == 0
    assert await run_child("x = bytes(inspect.MEMORY)") == 1
    too_much = f"with open('{tmp_path}/a', 'wb') as file: file.write(bytes(inspect.MAX_THUMBNAIL_BYTES + 1))"
    assert await run_child(too_much) == 1
    assert await run_child("keep = [open('/dev/null') for _ in range(70)]") == 1
    assert await run_child("import resource as r; assert r.getrlimit(r.RLIMIT_CPU) == (inspect.SECONDS,) * 2") == 0


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A listener that nobody should call; gives its address and what was sent to it."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/canary", heard


async def test_a_playlist_that_poses_as_a_video_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.ts").write_bytes(video(tmp_path, "mpegts"))
    async with canary() as (url, heard):
        playlist = f"#EXTM3U\n#EXTINF:2,\n{url}\n#EXTINF:2,\n{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n".encode()
        assert (await look(tmp_path, playlist)).mime_type == "application/vnd.apple.mpegurl"
        for content in (playlist, b"\0\0\0\x18ftypisom\n" + playlist, b"\x1a\x45\xdf\xa3webm" + playlist):
            facts = await look(tmp_path, content)
            assert (facts.width, facts.thumbnail) == (None, None)
        (tmp_path / "posing.mp4").write_bytes(playlist)
        for demuxer in ("mov", "matroska"):  # as if the type had been told wrongly
            with pytest.raises(UnreadableError):
                inspect_video.look_at_video(str(tmp_path / "posing.mp4"), demuxer, str(tmp_path / "out.webp"))
    assert heard == []
    assert not (tmp_path / "out.webp").exists()


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", "image/svg+xml"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "text/html"),
        (b"<?xml version='1.0'?><html><script>", "text/html"),
        (b"<?xml version='1.0'?><a/>", "application/xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (bytes(100), "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"text with a bell\a", "application/octet-stream"),
        (b"text\0", "application/octet-stream"),
        (b"\xff\xfe<\0s\0c\0r\0", "application/octet-stream"),
    ],
)
def test_what_could_run_is_only_ever_a_download(content: bytes, mime_type: str) -> None:
    assert sniff(content) == mime_type
    assert served_type(f"imports/a{extension_of(mime_type)}") == DOWNLOAD


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"once upon a time", "text/plain"),
        (b"\x1b[1mbold\x1b[0m\ttext\r\n\f", "text/plain"),
        ("Größe".encode() * 1000, "text/plain"),
        ("Größe".encode()[:3], "text/plain"),
        (b'{"a": 1}', "application/json"),
        (b"ID3\x04", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
        (b"\xff\xf1\x50", "audio/aac"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "video/x-matroska"),
    ],
)
def test_other_types(content: bytes, mime_type: str) -> None:
    assert sniff(content) == mime_type
