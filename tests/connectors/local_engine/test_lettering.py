"""Words that cannot be drawn are set: all of them, inside the picture, readable, and never as empty boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.connectors.local_engine.helpers import decoded, only, run

from emprops.connectors.local_engine import fonts, lettering
from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.lettering import choose_words, letter
from emprops.connectors.local_engine.palettes import luminance, named

SIZE = {"width": 320, "height": 256, "seed": 2}


async def made(prompt: str, folder: Path, **payload: object) -> tuple[Image.Image, dict[str, Any]]:
    outcome = await run("local_image", {"prompt": prompt, **SIZE, **payload}, folder)
    return decoded(only(outcome)).convert("RGB"), outcome.data


async def test_the_result_says_what_is_drawn_and_what_is_set(tmp_path: Path) -> None:
    _, data = await made("a fox in the snow", tmp_path)
    assert (data["style"], data["drawn"], data["lettered"]) == ("scene", ["snow"], ["fox"])
    _, data = await made("Annual report for shareholders", tmp_path)
    assert (data["style"], data["drawn"], data["lettered"]) == ("poster", [], ["annual", "report", "shareholders"])
    assert "left_out" not in data


async def test_lettering_can_be_switched_off(tmp_path: Path) -> None:
    plain, data = await made("a fox in the snow", tmp_path, lettering="off")
    assert (data["drawn"], data["lettered"], data["left_out"]) == (["snow"], [], ["fox"])
    lettered, _ = await made("a fox in the snow", tmp_path)
    changed = np.abs(np.asarray(plain, float) - np.asarray(lettered, float)).max(axis=2) > 25
    assert 0.002 < changed.mean() < 0.2, "the letters, and nothing else"
    _, data = await made("Annual report", tmp_path, lettering="off")
    assert data["style"] != "poster"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no fonts of its own."""
    monkeypatch.setattr(fonts, "OF_THE_SYSTEM", ())
    fonts.faces.cache_clear()
    fonts.face_for.cache_clear()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("word", ["naïve", "Łódź", "Київ", "Ωμέγα", "ắễ", "don’t", "x2"])
def test_latin_greek_and_cyrillic_are_set_everywhere(word: str) -> None:
    assert choose_words([(word,)]) == (word, [word.lower()])


@pytest.mark.usefixtures("alone")
async def test_what_no_font_has_is_left_out_and_said(tmp_path: Path) -> None:
    picture, data = await made("きつね fox 雪 in winter", tmp_path)
    assert (data["lettered"], data["left_out"]) == (["fox"], ["きつね", "雪"])
    _, data = await made("きつね", tmp_path)
    assert (data["lettered"], data["left_out"]) == ([], ["きつね"])
    assert data["style"] != "poster", "a poster without words is none"
    assert picture.size == (320, 256)


async def test_a_font_of_the_system_is_used_if_it_has_the_letters() -> None:
    """Whatever fonts there are: a word is set in one that has all its letters, or not at all."""
    for word in ("สวัสดี", "שלום", "狐", "नमस्ते", "fox"):
        face = fonts.face_for(word)
        assert face is None or all(fonts._has(face, letter) for letter in word)


def canvas(size: tuple[int, int] = (400, 300), grey: float = 0.5) -> Canvas:
    made = Canvas(*size, named("ocean"), Dice("test"))
    made.rgb[:] = grey
    return made


def ink(canvas: Canvas, text: str, *, poster: bool = False) -> tuple[tuple[int, int, int, int], Canvas]:
    """Set a text on plain ground; the box of what changed much."""
    before = canvas.rgb.copy()
    letter(canvas, text, poster=poster)
    rows, columns = np.nonzero(np.abs(canvas.rgb - before).max(axis=2) > 0.25)
    return (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())), canvas


LONG = "the quick brown foxes and their lazy companions went out to see what the world has to offer to animals " * 3


@pytest.mark.parametrize("poster", [False, True])
@pytest.mark.parametrize("size", [(256, 256), (640, 256), (256, 640)])
@pytest.mark.parametrize(
    "text",
    ["a", "a fox", "Donaudampfschifffahrtsgesellschaftskapitän", "W" * 120, choose_words([tuple(LONG.split())])[0]],
)
def test_texts_stay_inside_their_margins(text: str, size: tuple[int, int], poster: bool) -> None:
    left, top, right, bottom = ink(canvas(size), text, poster=poster)[0]
    assert left > 0.05 * min(size)
    assert right < size[0] - 0.05 * min(size)
    assert top > 0.03 * size[1]
    assert bottom < size[1] * 0.98


@pytest.mark.parametrize("grey", [0.02, 0.25, 0.45, 0.55, 0.75, 0.98])
def test_letters_stand_out_from_any_ground(grey: float) -> None:
    made = canvas(grey=grey)
    (left, top, right, bottom), _ = ink(made, "WWW")
    part = made.rgb[top : bottom + 1, left : right + 1].reshape(-1, 3).clip(0, 1)
    lights = sorted(luminance([float(value) for value in pixel]) for pixel in part)
    assert (lights[-1] + 0.05) / (lights[0] + 0.05) > lettering.CONTRAST


def test_a_long_text_ends_at_a_word() -> None:
    text, words = choose_words([tuple(LONG.split())])
    assert text.endswith(" …")
    assert len(text) <= lettering.LONGEST + 2
    assert LONG.startswith(text.removesuffix(" …") + " ")
    assert words[0] == "the"


def test_words_are_not_divided_while_they_can_be_smaller() -> None:
    block = lettering._fit("Quarterly report", 300, 400, 90)
    assert not any(line.endswith("-") for line in block.lines)
    divided = lettering._fit("Donaudampfschifffahrtsgesellschaftskapitän", 220, 400, 90)
    assert len(divided.lines) > 1
    assert all(line.endswith("-") for line in divided.lines[:-1])
    assert "".join(line.removesuffix("-") for line in divided.lines) == "Donaudampfschifffahrtsgesellschaftskapitän"
