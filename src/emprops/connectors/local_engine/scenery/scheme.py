"""The colours of a scene: what its time, season, weather and colour words make of sky and land."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.palettes import Palette, build_ramp, named, parse_hex
from emprops.connectors.local_engine.words import TIMES, Reading

LANDS: dict[str, tuple[str, ...]] = {
    "green": ("0c1a14", "1d3b2a", "3f6d3d", "7f9f4f", "bfc67f", "f0efd0"),
    "spring": ("10261c", "2a5a38", "5f9a48", "a5c662", "dbe39a", "f8f7dc"),
    "summer": ("10210f", "2c5020", "6a8a2e", "b3b048", "e2cf7d", "f8f1cf"),
    "autumn": ("1c0f0d", "4a2118", "93421f", "cc742b", "e6ad50", "f6e6c0"),
    "winter": ("12203a", "34557f", "7298bd", "aecadf", "deebf4", "fbfdff"),
    "desert": ("2a120c", "6b3019", "b4622f", "dd9a58", "f0cc94", "fbf0d8"),
}

# How a time looks: sky palette, places on its ramp of zenith and horizon, and how dark the land is before it.
LOOKS: dict[str, tuple[str, float, float, float]] = {
    "dawn": ("dawn", 0.36, 0.93, 0.5),
    "day": ("day", 0.36, 0.86, 0.0),
    "sunset": ("sunset", 0.32, 0.9, 0.72),
    "dusk": ("dusk", 0.14, 0.8, 0.8),
    "night": ("night", 0.05, 0.46, 0.88),
    "storm": ("storm", 0.2, 0.62, 0.45),
    "mist": ("mist", 0.5, 0.84, 0.2),
}


@dataclass(frozen=True)
class Scheme:
    """The colours of a scene."""

    name: str
    """The palette that the sky has."""
    time: str
    sky: Palette
    land: Palette
    zenith: float
    horizon: float
    """Where on the ramp of the sky its top and its foot are."""
    gloom: float
    """0–1: how much of the land is a silhouette."""

    @property
    def dark(self) -> bool:
        """Whether lamps are lit."""
        return self.time in ("dusk", "night")

    def far(self) -> Array:
        """The colour of the air at the horizon."""
        return self.sky.one(self.horizon - 0.04)

    def layer(self, tone: float, near: float) -> Array:
        """The colour of a layer of land: ``tone`` on its ramp, in front of as much air as ``near`` (1) leaves."""
        body = self.land.one(tone)
        body = body + (self.far() - body) * (0.82 * (1 - near) ** 1.2)
        return np.asarray(body + (self.silhouette(near) - body) * self.dimming(near))

    def silhouette(self, near: float) -> Array:
        """The colour of land against the light: from that of the air to nearly black."""
        return self.sky.one((self.horizon - 0.12) * 0.72 * (1 - near) ** 1.15 + 0.02)

    def dimming(self, near: float) -> float:
        """How much of a silhouette land is; what is near keeps more of its own colour."""
        return min(1.0, 1.22 * self.gloom) * (0.92 + 0.08 * (1 - near))


def scheme_for(reading: Reading, dice: Dice, fixed: Palette | None) -> Scheme:
    """Choose the colours. A ``fixed`` palette, which the caller named, is used for everything."""
    time = time_of(reading, dice)
    look = "storm" if reading.has("storm", "rain") and time == "day" else time
    look = "mist" if reading.has("fog") and time == "day" else look
    name, zenith, horizon, gloom = LOOKS[look]
    sky = named(name)
    land = _mixed(LANDS[_ground(reading)])
    if fixed is not None:
        return Scheme(fixed.name, time, fixed, _blend(land, fixed, 0.85), zenith, horizon, gloom)
    if reading.palette is not None:
        own = named(reading.palette)
        name = reading.palette
        sky, land = _blend(sky, own, 0.8), _blend(land, own, 0.65)
    elif "sky" in reading.tints:
        name = reading.tints["sky"]
        sky = _blend(sky, named(name), 0.8)
    elif reading.has("storm", "rain") and look != "storm":
        sky = _blend(sky, named("storm"), 0.5)
    elif reading.has("fog") and look != "mist":
        sky = _blend(sky, named("mist"), 0.3)
    elif reading.has("winter") and look == "day":
        sky = _blend(sky, named("arctic"), 0.7)
    if "land" in reading.tints:
        land = _blend(land, named(reading.tints["land"]), 0.8)
    return Scheme(name, time, sky, land, zenith, horizon, gloom)


SUITING: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (frozenset({"storm", "rain", "fog", "rainbow", "clear"}), ("day",)),
    (frozenset({"flowers", "blossom", "spring", "summer", "autumn"}), ("day",)),
    (frozenset({"fire", "lighthouse"}), ("dusk",)),
    (frozenset({"city"}), ("dusk", "sunset", "night")),
    (frozenset({"winter"}), ("day", "dawn")),
    (frozenset({"balloon", "boat", "desert"}), ("dawn", "sunset", "day")),
)
"""What is seen, and the times that suit it."""


def time_of(reading: Reading, dice: Dice) -> str:
    """The time that is asked for; else one that suits what is seen."""
    asked = next((time for time in reversed(TIMES) if reading.has(time)), None)
    if asked is not None:
        return asked
    if "land" in reading.tints:
        return "day"  # against the light, the colour of land is not seen
    fitting = next((times for seen, times in SUITING if reading.has(*seen)), ("day", "dawn", "sunset"))
    return dice.fork("time").pick(fitting)


def _ground(reading: Reading) -> str:
    for name in ("winter", "autumn", "desert", "spring", "summer"):
        if reading.has(name):
            return name
    return "spring" if reading.has("flowers", "blossom") else "green"


def _mixed(colours: Sequence[str]) -> Palette:
    parsed = tuple(parse_hex(text) for text in colours)
    return Palette("land", parsed, build_ramp(parsed))


def _blend(one: Palette, other: Palette, share: float) -> Palette:
    """A palette between two."""
    stops = [round(at * (len(one.ramp) - 1) / 7) for at in range(8)]
    mixed = [one.ramp[at] + (other.ramp[at] - one.ramp[at]) * np.float32(share) for at in stops]
    colours = tuple((float(red), float(green), float(blue)) for red, green, blue in mixed)
    return Palette(one.name, colours, build_ramp(colours))
