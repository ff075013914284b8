"""Reading prompts: what is drawn, what is set in letters, and the kind of picture that comes of it."""

from collections.abc import Iterable

import pytest

from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.palettes import PALETTES
from emprops.connectors.local_engine.reading import choose
from emprops.connectors.local_engine.scenery.scheme import scheme_for
from emprops.connectors.local_engine.styles import STYLES
from emprops.connectors.local_engine.words import FILLERS, MANNERS, MEANINGS, PHRASES, WORD, read


def texts(phrases: Iterable[tuple[str, ...]]) -> list[str]:
    return [" ".join(phrase) for phrase in phrases]


@pytest.mark.parametrize(
    ("prompt", "drawn", "lettered"),
    [
        ("a fox in the snow", ["snow"], ["a fox"]),
        ("a lighthouse at dusk", ["lighthouse", "dusk"], []),
        ("Sunset over the MOUNTAINS", ["sunset", "mountains"], []),
        ("a cat riding a bicycle on the moon", ["moon"], ["a cat riding a bicycle"]),
        ("an owl and the moon and my old teapot", ["moon"], ["an owl", "my old teapot"]),
        ("hot air balloons, northern lights", ["hot air balloons", "northern lights"], []),
        ("a very beautiful picture of the sea, 8k, highly detailed", ["sea"], []),
        ("two red houses", ["red", "houses"], []),
        ("Grüße aus Köln", [], ["Grüße aus Köln"]),
        ("雪の中の狐", [], ["雪の中の狐"]),
        ("it's a dog's life", [], ["it's a dog's life"]),
        ("the the of", [], []),
        ("🦊!?", [], []),
        ("", [], []),
    ],
)
def test_every_word_is_drawn_set_or_a_filler(prompt: str, drawn: list[str], lettered: list[str]) -> None:
    reading = read(prompt)
    assert list(reading.drawn) == drawn
    assert texts(reading.unknown) == lettered


@pytest.mark.parametrize(
    ("prompt", "tints", "palette"),
    [
        ("a red boat on a blue lake", {"boat": "ember", "water": "ocean"}, None),
        ("green hills under a pink sky", {"land": "forest", "sky": "rose"}, None),
        ("a forest in purple", {}, "lavender"),
        ("a golden fox", {}, "gold"),
        ("a blue old house", {"house": "ocean"}, None),
        ("the sea", {}, None),
    ],
)
def test_colours_belong_to_what_they_stand_before(prompt: str, tints: dict[str, str], palette: str | None) -> None:
    reading = read(prompt)
    assert (reading.tints, reading.palette) == (tints, palette)


@pytest.mark.parametrize(
    ("prompt", "style", "drawn"),
    [
        ("sunset over the mountains", "scene", ["sunset", "mountains"]),
        ("aurora", "aurora", ["aurora"]),
        ("a planet and the stars", "orbits", ["planet", "stars"]),
        ("a dahlia", "bloom", ["dahlia"]),
        ("roses in a meadow", "scene", ["roses", "meadow"]),
        ("ocean in watercolour", "scene", ["ocean", "watercolour"]),
        ("a forest of glass", "scene", ["forest", "glass"]),
        ("silk at sunset", "scene", ["sunset"]),
        ("red silk", "silk", ["red", "silk"]),
        ("calm", "scene", ["calm"]),
        ("Annual report", "poster", []),
    ],
)
def test_the_words_choose_the_kind_of_picture(prompt: str, style: str, drawn: list[str]) -> None:
    choice = choose(prompt, 1, "auto", fixed=False)
    assert (choice.style, list(choice.drawn)) == (style, drawn)


def test_a_named_style_draws_its_own_words_and_the_colour_that_chose_the_palette() -> None:
    choice = choose("an emerald sea of silk with foxes", 1, "silk", fixed=False)
    assert list(choice.drawn) == ["emerald", "sea", "silk"]
    assert texts(choice.unknown) == ["foxes"]
    fixed = choose("an emerald sea of silk with foxes", 1, "silk", fixed=True)
    assert list(fixed.drawn) == ["silk"]
    assert fixed.unknown_words == ("emerald", "sea", "foxes")
    assert choose("sea", 1, "poster", fixed=False).unknown_words == ("sea",)


def test_the_order_of_words_and_the_seed_change_no_meaning() -> None:
    one, other = read("a lighthouse by the sea at night"), read("night sea lighthouse")
    assert one.features == other.features
    assert choose("x", 1, "auto", fixed=False) == choose("x", 2, "auto", fixed=False)


def test_the_vocabulary_holds_together() -> None:
    """Every word can be read as it stands, means something that is known, and is no filler at the same time."""
    assert FILLERS.isdisjoint(MEANINGS)
    for word, meaning in MEANINGS.items():
        assert len(WORD.findall(word)) == word.count(" ") + 1
        assert word.count(" ") <= 2
        assert {feature[1:] for feature in meaning if feature.startswith("#")} <= PALETTES.keys()
        assert list(read(word).drawn) == [word]
    assert MANNERS - {"abstract"} <= STYLES.keys()
    assert "northern lights" in PHRASES


def test_times_and_weather_choose_the_colours() -> None:
    def name(prompt: str) -> str:
        return scheme_for(read(prompt), Dice(prompt), None).name

    assert [name(f"the sea at {time}") for time in ("dawn", "noon", "sunset", "dusk", "midnight")] == [
        "dawn", "day", "sunset", "dusk", "night",
    ]  # fmt: skip
    assert name("a storm at sea") == "storm"
    assert name("hills in the mist") == "mist"
    assert name("moonlight") == "night"
    assert name("a pink sky over the sea") == "rose"
