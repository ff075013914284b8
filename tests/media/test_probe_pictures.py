"""Pictures of every mode, profile and container: their type, their size as shown, and their thumbnail's colours."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media import builders
from tests.media.builders import box, branded, full, heic, quarters, saved, swapped_profile

from emprops.media.probe import Facts, probe
from emprops.media.sniff import sniff
from emprops.media.types import extension_of, mime_type_of

RED, GREEN, BLUE, WHITE = "red", "green", "blue", "white"


pytestmark = pytest.mark.usefixtures("looked_at_here")


async def look(folder: Path, content: bytes) -> Facts:
    (folder / "file").write_bytes(content)
    return await probe(folder / "file", folder)


def small(facts: Facts) -> Image.Image:
    assert facts.error is None, facts.error
    assert facts.thumbnail is not None
    with Image.open(facts.thumbnail) as thumbnail:
        thumbnail.load()
        return thumbnail


def corners(picture: Image.Image) -> list[str]:
    """The colours of the quarters, from the upper left clockwise."""
    right, bottom = picture.width - 8, picture.height - 8
    names = []
    for place in ((8, 8), (right, 8), (right, bottom), (8, bottom)):
        red, green, blue = (value > 128 for value in picture.convert("RGB").getpixel(place))  # type: ignore[union-attr]
        names.append(WHITE if red and green and blue else RED if red else GREEN if green else BLUE if blue else "black")
    return names


async def test_sixteen_bit_grey_is_no_white_picture(tmp_path: Path) -> None:
    shown = np.asarray(small(await look(tmp_path, builders.grey16())).convert("L"), float)
    assert shown[32, 4] < 20
    assert abs(shown[32, 128] - 128) < 6
    assert shown[32, 251] > 240


async def test_colours_are_those_of_the_profile(tmp_path: Path) -> None:
    content = saved(Image.new("RGB", (64, 64), (255, 0, 0)), "PNG", icc_profile=swapped_profile())
    thumbnail = small(await look(tmp_path, content))
    red, green, _ = thumbnail.getpixel((32, 32))  # type: ignore[misc]
    assert (red < 10, green > 245) == (True, True)
    assert "icc_profile" not in thumbnail.info


@pytest.mark.parametrize(
    ("major", "compatible", "mime_type"),
    [
        (b"avif", (b"avif", b"mif1", b"miaf"), "image/avif"),
        (b"mif1", (b"avif", b"miaf"), "image/avif"),
        (b"avis", (b"avif", b"mif1"), "image/avif"),
        (b"heix", (b"mif1",), "image/heic"),
        (b"miaf", (b"mif1", b"avif"), "image/avif"),
    ],
)
async def test_avif_by_its_brands(tmp_path: Path, major: bytes, compatible: tuple[bytes, ...], mime_type: str) -> None:
    content = branded(saved(quarters((120, 80)), "AVIF", quality=90), major, *compatible)
    facts = await look(tmp_path, content)
    assert (facts.mime_type, facts.width, facts.height, facts.duration) == (mime_type, 120, 80, None)
    assert corners(small(facts)) == [RED, GREEN, BLUE, WHITE]
    assert mime_type_of(f"imports/a{extension_of(mime_type)}") == mime_type


async def test_a_moving_avif_is_a_picture(tmp_path: Path) -> None:
    frames = [quarters((64, 64)), quarters((64, 64)).rotate(90)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "AVIF", save_all=True, append_images=frames[1:], duration=100)
    facts = await look(tmp_path, buffer.getvalue())
    assert (facts.mime_type, facts.width, facts.height) == ("image/avif", 64, 64)
    assert corners(small(facts))[0] == RED


@pytest.mark.parametrize(
    ("properties", "size", "seen"),
    [
        ((), (128, 96), [RED, GREEN, BLUE, WHITE]),
        ((box(b"irot", b"\1"),), (96, 128), [GREEN, BLUE, WHITE, RED]),
        ((box(b"irot", b"\2"),), (128, 96), [BLUE, WHITE, RED, GREEN]),
        ((box(b"imir", b"\1"),), (128, 96), [GREEN, RED, WHITE, BLUE]),
        ((box(b"imir", b"\0"),), (128, 96), [WHITE, BLUE, GREEN, RED]),
        ((box(b"irot", b"\1"), box(b"imir", b"\1")), (96, 128), [BLUE, GREEN, RED, WHITE]),
        ((box(b"colr", b"prof", swapped_profile()),), (128, 96), [GREEN, RED, BLUE, WHITE]),
    ],
    ids=["plain", "quarter", "half", "left-right", "top-bottom", "turned, then mirrored", "profile"],
)
async def test_heic(tmp_path: Path, properties: tuple[bytes, ...], size: tuple[int, int], seen: list[str]) -> None:
    facts = await look(tmp_path, heic(tmp_path, quarters((128, 96)), properties=properties))
    assert (facts.mime_type, facts.width, facts.height) == ("image/heic", *size)
    assert corners(small(facts)) == seen


def tiles() -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "white", "blue")]


async def test_heic_as_phones_store_it_is_put_together(tmp_path: Path) -> None:
    facts = await look(tmp_path, heic(tmp_path, *tiles(), columns=2))
    assert (facts.width, facts.height) == (118, 118)
    assert corners(small(facts)) == [RED, GREEN, BLUE, WHITE]


async def test_heic_that_is_damaged_gives_a_sentence(tmp_path: Path) -> None:
    whole = heic(tmp_path, *tiles(), columns=2)
    lost = whole.replace(b"dimg", b"dimx")  # a grid without tiles
    huge = whole.replace(b"\1\1\0\x76\0\x76", b"\1\1\xff\xff\xff\xff")  # a grid that says it is 65535 pixels wide
    assert lost != whole != huge
    garbled = whole[:32] + os.urandom(300)
    for content in (whole[:200], whole[:-40], lost, huge, garbled, whole[:24]):
        facts = await look(tmp_path, content)
        assert facts.mime_type == "image/heic"
        assert facts.error is not None
        assert "damaged" in facts.error or "megapixels" in facts.error
        assert str(tmp_path) not in facts.error


@pytest.mark.parametrize(
    ("brands", "mime_type"),
    [
        ((b"avif",), "image/avif"),
        ((b"avis",), "image/avif"),
        ((b"heic",), "image/heic"),
        ((b"heix",), "image/heic"),
        ((b"hevc",), "image/heic"),
        ((b"mif1",), "image/heif"),
        ((b"mif1", b"heic"), "image/heic"),
        ((b"mif1", b"miaf", b"avif"), "image/avif"),
        ((b"msf1", b"iso8", b"hevc"), "image/heic"),
        ((b"1pic", b"mif1"), "image/heif"),
        ((b"isom", b"iso2", b"mp41"), "video/mp4"),
        ((b"mp42", b"isom"), "video/mp4"),
        ((b"M4V ",), "video/mp4"),
        ((b"M4A ", b"isom"), "audio/mp4"),
        ((b"M4B ", b"M4A "), "audio/mp4"),
        ((b"qt  ",), "video/quicktime"),
    ],
)
def test_brands(brands: tuple[bytes, ...], mime_type: str) -> None:
    compatible = b"".join(brands[1:])
    head = (16 + len(compatible)).to_bytes(4, "big") + b"ftyp" + brands[0] + bytes(4) + compatible
    assert sniff(head + full(b"moov", b"avifheic")) == mime_type
