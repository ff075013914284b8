"""Videos are measured and shown as players show them; what holds only sound is a sound."""

from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.builders import (
    CLOCKWISE,
    COUNTERCLOCKWISE,
    HALF_TURN,
    HFLIP,
    TRANSPOSE,
    TRANSVERSE,
    VFLIP,
    branded,
    picture,
    sound,
    video,
    with_cover,
)
from tests.media.test_probe_pictures import BLUE, GREEN, RED, WHITE, corners, look, small

from emprops.media.probe import media_type_of
from emprops.media.types import extension_of, mime_type_of

pytestmark = pytest.mark.usefixtures("looked_at_here")


@pytest.mark.parametrize(
    ("matrix", "size", "seen"),
    [
        (None, (320, 180), [RED, GREEN, BLUE, WHITE]),
        (HFLIP, (320, 180), [GREEN, RED, WHITE, BLUE]),
        (VFLIP, (320, 180), [WHITE, BLUE, GREEN, RED]),
        (HALF_TURN, (320, 180), [BLUE, WHITE, RED, GREEN]),
        (CLOCKWISE, (180, 320), [WHITE, RED, GREEN, BLUE]),
        (COUNTERCLOCKWISE, (180, 320), [GREEN, BLUE, WHITE, RED]),
        (TRANSPOSE, (180, 320), [RED, WHITE, BLUE, GREEN]),
        (TRANSVERSE, (180, 320), [BLUE, GREEN, RED, WHITE]),
    ],
)
async def test_turned_and_mirrored(
    tmp_path: Path, matrix: tuple[int, int, int, int] | None, size: tuple[int, int], seen: list[str]
) -> None:
    facts = await look(tmp_path, video(tmp_path, matrix=matrix))
    assert (facts.mime_type, facts.width, facts.height) == ("video/mp4", *size)
    assert facts.duration == pytest.approx(2, abs=0.2)
    shown = small(facts)
    assert shown.size == size
    assert corners(shown) == seen


@pytest.mark.parametrize(
    ("pixel", "matrix", "size"),
    [
        (Fraction(2), None, (320, 180)),
        (Fraction(1, 2), None, (160, 360)),
        (Fraction(64, 45), None, (228, 180)),
        (Fraction(2), CLOCKWISE, (180, 320)),
        (Fraction(100), None, (160, 180)),
    ],
    ids=["wide", "tall", "PAL", "turned", "absurd"],
)
async def test_pixels_that_are_not_square(
    tmp_path: Path, pixel: Fraction, matrix: tuple[int, int, int, int] | None, size: tuple[int, int]
) -> None:
    facts = await look(tmp_path, video(tmp_path, size=(160, 180), sar=pixel, matrix=matrix))
    assert (facts.width, facts.height) == size
    assert small(facts).size == size


async def test_a_large_film_of_wide_pixels_has_a_small_thumbnail(tmp_path: Path) -> None:
    facts = await look(tmp_path, video(tmp_path, size=(1440, 1080), sar=Fraction(4, 3), seconds=1))
    assert (facts.width, facts.height) == (1920, 1080)
    assert small(facts).size == (512, 288)


async def test_matroska(tmp_path: Path) -> None:
    facts = await look(tmp_path, video(tmp_path, "matroska"))
    assert (facts.mime_type, facts.width, facts.height) == ("video/x-matroska", 320, 180)
    assert corners(small(facts)) == [RED, GREEN, BLUE, WHITE]
    assert mime_type_of(f"a{extension_of('video/x-matroska')}") == "video/x-matroska"


@pytest.mark.parametrize(
    ("kind", "codec", "brands", "mime_type"),
    [
        ("mp4", "aac", (), "audio/mp4"),
        ("mp4", "aac", (b"M4B ", b"M4A "), "audio/mp4"),
        ("mov", "aac", (), "audio/mp4"),
        ("webm", "libopus", (), "audio/webm"),
        ("matroska", "libopus", (), "audio/x-matroska"),
        ("adts", "aac", (), "audio/aac"),
        ("ogg", "libopus", (), "audio/ogg"),
        ("flac", "flac", (), "audio/flac"),
    ],
)
async def test_what_holds_only_sound_is_a_sound(
    tmp_path: Path, kind: str, codec: str, brands: tuple[bytes, ...], mime_type: str
) -> None:
    content = sound(tmp_path, kind, codec, rate=48_000)
    content = branded(content, *brands) if brands else content
    facts = await look(tmp_path, content)
    assert (facts.mime_type, facts.width, facts.height, facts.thumbnail) == (mime_type, None, None, None)
    assert facts.duration == pytest.approx(1, abs=0.2)
    assert await media_type_of(content) == mime_type
    assert mime_type_of(f"a{extension_of(mime_type)}") == mime_type


async def test_a_film_under_a_sounds_brand_is_a_film(tmp_path: Path) -> None:
    facts = await look(tmp_path, branded(video(tmp_path), b"M4A "))
    assert (facts.mime_type, facts.width) == ("video/mp4", 320)


async def test_a_sound_with_a_cover_is_a_sound(tmp_path: Path) -> None:
    content = with_cover(sound(tmp_path, "mp4", "aac", rate=48_000))
    facts = await look(tmp_path, content)
    assert (facts.mime_type, facts.width, facts.height, facts.error) == ("audio/mp4", None, None, None)
    assert facts.duration == pytest.approx(1, abs=0.2)
    assert small(facts).size == (64, 64), "the cover stands for the sound"
    broken = content.replace(b"IHDR", b"IHDX")
    assert broken != content
    facts = await look(tmp_path, broken)
    assert (facts.mime_type, facts.error) == ("audio/mp4", None)


async def test_the_type_of_what_a_worker_stores(tmp_path: Path) -> None:
    assert await media_type_of(picture("PNG")) == "image/png"
    assert await media_type_of(b"once upon a time") is None
    assert await media_type_of(b"\0\0\0\x18ftypisom" + bytes(12)) == "video/mp4"
    (tmp_path / "file").write_bytes(video(tmp_path, "webm", "libvpx"))
    assert await media_type_of(tmp_path / "file") == "video/webm"
