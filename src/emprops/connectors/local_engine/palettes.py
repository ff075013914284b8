"""Colours: named palettes ordered from dark to light, and smooth ramps through them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emprops.connectors.local_engine.dice import Array, Dice

RAMP = 2048
HEX = re.compile(r"#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

PALETTES: dict[str, tuple[str, ...]] = {
    "sunset": ("170d2e", "4b1d5f", "a32c62", "e9535a", "f99f45", "ffe2ad"),
    "ocean": ("03111d", "0a3350", "116a8c", "2fa9ab", "8fd9c8", "f2f6e4"),
    "forest": ("0a1712", "1b3a2b", "3c6a41", "7f9d50", "cbc47c", "f5eed4"),
    "northern": ("050818", "14264f", "3b3b8f", "1f9e8a", "5fe3a1", "e8fff0"),
    "ember": ("120808", "4a1212", "a02a1c", "e7621f", "f8b03f", "fff0c8"),
    "lavender": ("191230", "43386f", "7860b0", "af90d5", "e2c3ea", "fbf2f8"),
    "rose": ("220a18", "681a3b", "b6395f", "e77a8d", "f5bab4", "fdefe8"),
    "desert": ("21110f", "66301f", "b25f3a", "dc985c", "eecb97", "f9eedb"),
    "arctic": ("091624", "24466a", "588db4", "9ac4da", "d2e8f0", "fafdfd"),
    "neon": ("0a051e", "36106e", "9a18a0", "f42a86", "46c3ee", "e8fbff"),
    "candy": ("2c1650", "6f3bb8", "f0579d", "ff9dbf", "ffd46e", "fff7e3"),
    "autumn": ("1b0f0c", "582318", "9c3c1c", "d4762a", "e9b44c", "f7e9c6"),
    "spring": ("12301f", "2f6b4a", "7cae5b", "f2a7b5", "f9d5c4", "fffaf0"),
    "retro": ("13203a", "1e5a69", "d3502d", "e3a332", "f0d8a5", "f8f0e1"),
    "ink": ("0d0e12", "2a2e37", "59606b", "969ca4", "cfd0ce", "f6f3ec"),
    "dawn": ("2a2146", "5b4a7e", "a3719a", "e59ca0", "fac9a6", "fff1da"),
    "day": ("0d2a4d", "1f5c99", "4791cc", "8cc3e8", "cde6f3", "fdf9ee"),
    "dusk": ("100d2b", "2b2259", "61397f", "b05c86", "ea9a80", "ffdcae"),
    "night": ("050814", "0c1735", "1d3160", "3f5a8c", "8a9fc0", "eaf0f7"),
    "storm": ("0c1016", "1f2832", "3e4a56", "6a7883", "a2acb1", "dde0de"),
    "mist": ("2c343c", "5a6670", "8c979d", "b9c0c2", "dde0de", "f7f5ef"),
    "gold": ("1f1408", "5c3a12", "a8701c", "e0a634", "f5d478", "fff6d8"),
}

WORDS: dict[str, str] = {
    **dict.fromkeys(("sunset", "sunrise", "dusk", "dawn", "evening", "twilight"), "sunset"),
    **dict.fromkeys(
        ("ocean", "sea", "water", "wave", "waves", "lake", "river", "underwater", "reef", "blue", "navy"), "ocean"
    ),
    **dict.fromkeys(("forest", "wood", "woods", "jungle", "moss", "tree", "trees", "green", "garden"), "forest"),
    **dict.fromkeys(("aurora", "northern", "polar", "emerald"), "northern"),
    **dict.fromkeys(("fire", "flame", "ember", "lava", "volcano", "red", "dragon"), "ember"),
    **dict.fromkeys(("lavender", "purple", "violet", "dream", "dreamy", "magic"), "lavender"),
    **dict.fromkeys(("rose", "roses", "love", "romantic", "peony", "blush"), "rose"),
    **dict.fromkeys(("desert", "sand", "dune", "dunes", "canyon", "mars"), "desert"),
    **dict.fromkeys(("ice", "snow", "winter", "arctic", "frost", "glacier"), "arctic"),
    **dict.fromkeys(("neon", "cyberpunk", "synthwave", "city", "electric", "disco"), "neon"),
    **dict.fromkeys(("candy", "sweet", "bubblegum", "pastel", "playful", "pink"), "candy"),
    **dict.fromkeys(("autumn", "fall", "harvest", "october", "orange"), "autumn"),
    **dict.fromkeys(("gold", "golden", "yellow"), "gold"),
    **dict.fromkeys(("spring", "blossom", "cherry", "meadow", "april"), "spring"),
    **dict.fromkeys(("retro", "vintage", "poster", "bauhaus", "seventies"), "retro"),
    **dict.fromkeys(("ink", "monochrome", "black", "grey", "gray", "noir", "minimal"), "ink"),
}


def parse_hex(text: str) -> tuple[float, float, float]:
    """``#rgb`` or ``#rrggbb`` (the # may be missing) as three numbers 0–1."""
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def luminance(colour: Sequence[float]) -> float:
    """How light an sRGB colour looks, 0–1."""
    red, green, blue = (math.pow(part, 2.2) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _to_oklab(colours: Array) -> Array:
    # Björn Ottosson's Oklab: mixing there keeps gradients free of the grey middle that sRGB mixing gives.
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    red, green, blue = linear[:, 0], linear[:, 1], linear[:, 2]
    long = np.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = np.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = np.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return np.stack(
        [
            0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
        ],
        axis=1,
    )


def _from_oklab(lab: Array) -> Array:
    lightness, a, b = lab[:, 0], lab[:, 1], lab[:, 2]
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=1,
    ).clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def build_ramp(colours: Sequence[Sequence[float]], size: int = RAMP) -> Array:
    """A smooth table of ``size`` colours through the given ones, mixed in Oklab."""
    stops = _to_oklab(np.array(colours, dtype=np.float64).astype(np.float32).astype(np.float64))
    at = np.linspace(0, len(colours) - 1, size)
    left = np.minimum(at.astype(int), len(colours) - 2)
    share = (at - left)[:, None]
    # Half way between straight and eased interpolation: no visible kink at a stop, no plateau either.
    share = 0.5 * share + 0.5 * share * share * (3 - 2 * share)
    return _from_oklab(stops[left] * (1 - share) + stops[left + 1] * share).clip(0, 1).astype(np.float32)


@dataclass(frozen=True)
class Palette:
    """Colours from dark to light (sRGB, 0–1) with the ramp through them."""

    name: str
    colours: tuple[tuple[float, float, float], ...]
    ramp: Array = field(repr=False, compare=False)

    def at(self, position: Array) -> Array:
        """Colours at positions 0 (darkest) to 1 (lightest) of the ramp; one more axis than ``position``."""
        index = position * (RAMP - 1) + 0.5
        return np.asarray(np.take(self.ramp, index.astype(np.intp), axis=0, mode="clip"))

    def one(self, position: float) -> Array:
        """One colour of the ramp."""
        return np.asarray(self.ramp[round(min(max(position, 0.0), 1.0) * (RAMP - 1))])

    @property
    def accents(self) -> tuple[Array, ...]:
        """The palette's own colours without the darkest and the lightest."""
        inner = self.colours[1:-1] if len(self.colours) > 3 else self.colours
        return tuple(np.array(colour, dtype=np.float32) for colour in inner)


def named(name: str) -> Palette:
    """The palette of that name."""
    colours = tuple(parse_hex(text) for text in PALETTES[name])
    return Palette(name, colours, build_ramp(colours))


def from_hex(colours: Sequence[str]) -> Palette:
    """A palette of one's own: sorted by lightness, with a dark and a light end added where there is none."""
    parsed = sorted((parse_hex(text) for text in colours), key=luminance)
    if luminance(parsed[0]) > 0.06:
        red, green, blue = (part * 0.22 for part in parsed[0])
        parsed.insert(0, (red, green, blue))
    if luminance(parsed[-1]) < 0.7:
        red, green, blue = (1 - (1 - part) * 0.18 for part in parsed[-1])
        parsed.append((red, green, blue))
    return Palette("custom", tuple(parsed), build_ramp(parsed))


def choosing(words: Sequence[str]) -> tuple[str, ...]:
    """The words that decide on a palette: the first that names one, and the next of another one, for two colours."""
    known = [word for word in words if word in WORDS]
    others = [word for word in known[1:] if WORDS[word] != WORDS[known[0]]]
    return tuple(known[:1] + others[:1])


def for_prompt(prompt: str, seed: int) -> Palette:
    """The palette that words of the prompt ask for, else one drawn from prompt and seed."""
    names = [WORDS[word] for word in choosing(re.findall(r"[a-z]+", prompt.lower()))]
    if not names:
        return named(Dice("palette", prompt, seed).pick(tuple(PALETTES)))
    return named(names[0]) if len(names) == 1 else _both(*map(named, names))


def _both(one: Palette, other: Palette) -> Palette:
    """The strongest colours of two palettes, from dark to light."""
    colours = sorted((*one.colours[:1], *one.colours[2:5:2], *other.colours[1:5:2], *other.colours[-1:]), key=luminance)
    return Palette(f"{one.name}+{other.name}", tuple(colours), build_ramp(colours))
