"""Scenes show what they say: each word of the vocabulary changes the picture, and where it should."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.connectors.local_engine.helpers import decoded, only, run

from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.scenery.compose import scene
from emprops.connectors.local_engine.scenery.scheme import scheme_for
from emprops.connectors.local_engine.words import MANNERS, MEANINGS, MOODS, read

SIZE = {"width": 256, "height": 256}


async def seen(prompt: str, folder: Path, **payload: object) -> Image.Image:
    outcome = await run("local_image", {"prompt": prompt, "seed": 4, "style": "scene", **SIZE, **payload}, folder)
    assert outcome.data["lettered"] == [], prompt
    return decoded(only(outcome)).convert("RGB")


def mean(picture: Image.Image, box: tuple[float, float, float, float]) -> list[float]:
    """The average red, green and blue of a part, given in shares of the picture."""
    left, top, right, bottom = (round(part * 256) for part in box)
    return [float(part) for part in np.asarray(picture, float)[top:bottom, left:right].mean(axis=(0, 1))]


TOP, BOTTOM = (0.0, 0.0, 1.0, 0.2), (0.0, 0.8, 1.0, 1.0)


def sketch(prompt: str) -> np.ndarray:
    """A scene, small and with the same randomness whatever is asked for: only what words mean can differ."""
    reading, dice = read(prompt), Dice("the same")
    scheme = scheme_for(reading, dice, None)
    canvas = Canvas(128, 128, scheme.sky, dice)
    for _ in scene(canvas, reading, scheme):
        pass
    return canvas.rgb.clip(0, 1)


def test_every_feature_is_seen() -> None:
    """A word that is said to be drawn makes another picture than the same scene without it."""
    plain = sketch("day")
    known: set[str] = {"day", *MANNERS, *MOODS}
    unseen = []
    for word, meaning in MEANINGS.items():
        if known.issuperset(meaning):
            continue
        known.update(meaning)
        difference = np.abs(sketch(f"day {word}") - plain)
        if difference.max() < 0.15 or difference.mean() < 0.0003:
            unseen.append(word)
    assert unseen == ["hill", "meadow", "sun", "dawn", "sky"], "hills, sun and sky are there anyway, and it is day"


def test_moods_are_seen() -> None:
    assert np.abs(sketch("calm sea at noon") - sketch("sea at noon")).mean() > 0.001
    assert np.abs(sketch("rain in the wind") - sketch("rain")).mean() > 0.001
    assert np.abs(sketch("clear day") - sketch("day")).max() > 0.1


async def test_skies_have_the_colour_of_their_time(tmp_path: Path) -> None:
    day, night, sunset = [mean(await seen(f"{time} sea", tmp_path), TOP) for time in ("noon", "midnight", "sunset")]
    assert day[2] > day[0] + 40, "blue"
    assert max(night) < 45, "dark"
    assert sunset[0] > sunset[1] + 30, "red"


async def test_land_has_the_colour_of_its_season(tmp_path: Path) -> None:
    summer, winter = [mean(await seen(f"hills at noon in {time}", tmp_path), BOTTOM) for time in ("summer", "winter")]
    assert summer[1] > summer[2] + 30, "green"
    assert min(winter) > 130, "white"
    desert = mean(await seen("desert at noon", tmp_path), BOTTOM)
    assert desert[0] > desert[2] + 40, "sand"


async def test_things_take_the_colour_before_them(tmp_path: Path) -> None:
    def reddest(picture: Image.Image) -> float:
        pixels = np.asarray(picture, float)
        return float((pixels[..., 0] - pixels[..., 2]).max())

    red, blue = [reddest(await seen(f"a {colour} boat at noon", tmp_path)) for colour in ("red", "blue")]
    assert red > blue + 60


@pytest.mark.parametrize("size", [(1024, 256), (256, 1024)])
async def test_scenes_fill_every_shape(size: tuple[int, int], tmp_path: Path) -> None:
    for prompt in (
        "a lighthouse and a house",
        "harbour",
        "forest, tree, campfire",
        "balloons, rainbow, flowers, river",
    ):
        picture = await seen(prompt, tmp_path, width=size[0], height=size[1])
        assert picture.size == size
        assert np.asarray(picture, float).std() > 10


async def test_a_palette_of_ones_own_colours_the_scene(tmp_path: Path) -> None:
    picture = await seen("the sea at noon", tmp_path, palette=["#200030", "#a000c0", "#ff80ff"])
    red, green, blue = mean(picture, (0, 0, 1, 1))
    assert min(red, blue) > green + 20
