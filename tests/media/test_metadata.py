"""Pictures made safe: upright, without metadata, the picture itself untouched."""

import io
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from tests.media.builders import picture, quarters, saved, swapped_profile

from emprops.media.metadata import DamagedError, without_metadata
from emprops.media.safe import DamagedPictureError, made_safe

ORIENTATION, MAKER = 0x0112, 0x010F
SECRET = b"51.4778N"


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[ORIENTATION], found[MAKER] = orientation, SECRET.decode()
    return found


def png_with_words() -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("workflow", SECRET.decode())
    return saved(quarters((64, 32)), "PNG", pnginfo=words, exif=exif(), icc_profile=swapped_profile())


def animation(kind: str) -> bytes:
    frames = [quarters((32, 32)).rotate(90 * turn) for turn in range(3)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=90, loop=0)


PICTURES = {
    "image/png": png_with_words(),
    "image/jpeg": saved(
        quarters((64, 32)), "JPEG", exif=exif(), icc_profile=swapped_profile(), comment=SECRET, xmp=SECRET
    ),
    "image/webp": saved(quarters((64, 32)), "WEBP", exif=exif(), xmp=SECRET, icc_profile=swapped_profile()),
    "image/gif": saved(quarters((64, 32)), "GIF", comment=SECRET),
}


def seen(content: bytes) -> tuple[bytes, object]:
    """Every pixel of every frame, and the colour profile."""
    with Image.open(io.BytesIO(content)) as image:
        frames = []
        for at in range(getattr(image, "n_frames", 1)):
            image.seek(at)
            frames.append(image.convert("RGBA").tobytes())
        return b"".join(frames), image.info.get("icc_profile")


@pytest.mark.parametrize("mime_type", PICTURES)
def test_metadata_go_and_the_picture_stays_as_it_is(mime_type: str) -> None:
    content = PICTURES[mime_type]
    assert SECRET in content
    stripped = without_metadata(mime_type, content + b"PK appended")
    assert SECRET not in stripped
    assert b"appended" not in stripped
    assert seen(stripped) == seen(content)


@pytest.mark.parametrize("mime_type", PICTURES)
def test_a_picture_without_metadata_keeps_its_bytes(mime_type: str) -> None:
    once = without_metadata(mime_type, PICTURES[mime_type])
    assert without_metadata(mime_type, once) == once


@pytest.mark.parametrize(("kind", "mime_type"), [("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")])
def test_animations_keep_their_frames(kind: str, mime_type: str) -> None:
    content = animation(kind)
    assert seen(without_metadata(mime_type, content)) == seen(content)


@pytest.mark.parametrize("mime_type", PICTURES)
def test_what_is_cut_off_anywhere_is_damaged_or_whole(mime_type: str) -> None:
    content = PICTURES[mime_type]
    for length in range(14, len(content), 7):
        try:
            assert len(without_metadata(mime_type, content[:length])) <= length
        except (DamagedError, IndexError):
            continue


async def safe(content: bytes, folder: Path, *, keep: bool = False) -> tuple[bytes, str, tuple[int | None, int | None]]:
    path = folder / "upload"
    path.write_bytes(content)
    made = await made_safe(path, folder, keep_metadata=keep)
    return made.path.read_bytes(), made.mime_type, (made.width, made.height)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
async def test_a_turned_picture_is_stored_upright(kind: str, tmp_path: Path, looked_at_here: None) -> None:
    content, _, size = await safe(saved(quarters((64, 32)), kind, exif=exif(6)), tmp_path)
    assert size == (32, 64)
    assert SECRET not in content
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (32, 64)
        assert image.getexif().get(ORIENTATION, 1) == 1
        red, green, blue = image.convert("RGB").getpixel((24, 8))  # type: ignore[misc]
        assert red > 200
        assert max(green, blue) < 60


async def test_metadata_can_be_kept(tmp_path: Path, looked_at_here: None) -> None:
    content = saved(quarters((64, 32)), "JPEG", exif=exif(6))
    assert await safe(content, tmp_path, keep=True) == (content, "image/jpeg", (64, 32))


async def test_several_pictures_in_one_file_become_the_first(tmp_path: Path, looked_at_here: None) -> None:
    frames = [quarters((64, 32)), Image.new("RGB", (64, 32), "black")]
    content = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    made, mime_type, _ = await safe(content, tmp_path)
    assert mime_type == "image/jpeg"
    assert len(made) < len(content)
    assert seen(made)[0] == seen(content)[0][: 64 * 32 * 4]


async def test_a_damaged_picture_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DamagedPictureError, match=r"^The picture is damaged"):
        await safe(picture("PNG")[:2000], tmp_path)


async def test_what_is_no_picture_is_kept_as_it_is(tmp_path: Path) -> None:
    page = b"<html><script>alert(1)</script></html>"
    assert await safe(page, tmp_path) == (page, "text/html", (None, None))
