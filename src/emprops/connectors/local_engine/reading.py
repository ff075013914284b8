"""From a prompt to the kind of picture: a scene, one of the styles, or a poster of words."""

from dataclasses import dataclass

from emprops.connectors.local_engine import palettes
from emprops.connectors.local_engine.dice import Dice
from emprops.connectors.local_engine.styles import STYLES
from emprops.connectors.local_engine.words import MANNERS, MEDIA, MOODS, Meaning, Reading, phrased, read

WITH_IT: dict[str, frozenset[str]] = {
    "orbits": frozenset({"stars", "moon", "night", "sun", "crescent", "meteor"}),
    "bloom": frozenset({"spring", "summer", "flowers"}),
    "aurora": frozenset({"aurora", "night", "stars", "lake"}),
}
"""What else a style shows, so that it can stand for a whole prompt."""
ABSTRACT = ("silk", "flow_field", "papercut", "mosaic")
COLOURFUL = ("papercut", "flow_field", "mosaic", "watercolor")
"""What shows a colour and nothing else."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is made of a prompt."""

    style: str
    reading: Reading
    medium: str | None = None
    """The style that a scene is made in."""

    @property
    def drawn(self) -> tuple[str, ...]:
        """The words that decide what is seen."""
        return self.reading.drawn

    @property
    def unknown(self) -> tuple[tuple[str, ...], ...]:
        """Phrases to set in letters."""
        return self.reading.unknown

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """The words of :attr:`unknown`, without those that stand between them."""
        return self.reading.unknown_words


def choose(prompt: str, seed: int, style: str, *, fixed: bool) -> Choice:
    """Choose what to make of a prompt. ``style`` is what the caller named, or ``auto``; ``fixed`` says that the palette
    is the caller's, so that colour words decide nothing in an abstract style."""
    whole = read(prompt)
    asked = [name for name in ("orbits", "bloom", *ABSTRACT, "watercolor") if whole.has(name)]
    if whole.has("abstract"):
        asked.append(Dice("style", prompt.strip() or seed).pick(ABSTRACT))
    scenic = whole.features - MANNERS - MOODS
    if style == "auto":
        style = _style(prompt, seed, whole, asked, scenic)
    if style == "scene":
        medium = next((name for name in asked if name in MEDIA), None)
        return Choice("scene", _in_scene(prompt, medium), medium)
    if style == "poster":
        return Choice("poster", read(prompt, lambda _, __: False))
    return Choice(style, _in_style(prompt, style, fixed=fixed))


def _style(prompt: str, seed: int, whole: Reading, asked: list[str], scenic: frozenset[str]) -> str:
    for name in asked:
        if scenic <= WITH_IT.get(name, frozenset()):
            return name
    if "aurora" in scenic and scenic <= WITH_IT["aurora"]:
        return "aurora"
    if scenic or (whole.features and not asked):
        return "scene"
    if whole.palette is not None:
        return Dice("style", prompt.strip()).pick(COLOURFUL)
    if whole.unknown_words:
        return "poster"
    return any_style(prompt, seed)


def any_style(prompt: str, seed: int) -> str:
    """Pick a style for a prompt that asks for nothing."""
    return Dice("style", prompt.strip() or seed).pick(tuple(STYLES))


def _in_scene(prompt: str, medium: str | None) -> Reading:
    """Read a prompt for a scene: the styles that it is not made in stay words."""

    def drawn(_: str, meaning: Meaning) -> bool:
        return any(feature in (medium, "bloom") or feature not in MANNERS for feature in meaning)

    return read(prompt, drawn)


def _in_style(prompt: str, style: str, *, fixed: bool) -> Reading:
    """Read a prompt for an abstract style: it shows the words that name it, and the one that chose the palette."""
    chosen = () if fixed else palettes.choosing([word.lower() for word, _ in phrased(prompt)])

    def drawn(word: str, meaning: Meaning) -> bool:
        shown = {style, "abstract", *WITH_IT.get(style, ())}
        return word in chosen or not shown.isdisjoint(meaning)

    return read(prompt, drawn)
