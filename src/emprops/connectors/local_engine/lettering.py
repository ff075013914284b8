"""Setting words into a picture: wrapped, balanced, where the picture is calm, in a colour that can be read there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from emprops.connectors.local_engine.canvas import Canvas, soften
from emprops.connectors.local_engine.dice import Array
from emprops.connectors.local_engine.fonts import BOOK, LIGHT, OWN, face_for, font
from emprops.connectors.local_engine.palettes import luminance

LONGEST = 220
"""Characters that are set; what follows is cut off at a word."""
TITLE = 30
"""Characters up to which a text is set in spaced capitals."""
TRACKING = 0.16
"""Space between capitals, in units of the size."""
LEADING = 1.42
CONTRAST = 4.5
"""What readers with weak eyes need (WCAG 2.2, 1.4.3)."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text, measured at one size in pixels."""

    lines: tuple[str, ...]
    size: int
    capitals: bool
    widths: tuple[float, ...]

    @property
    def width(self) -> float:
        """Of the longest line."""
        return max(self.widths, default=0.0)

    @property
    def height(self) -> float:
        """From the top of the first line to the foot of the last."""
        return self.size * (LEADING * (len(self.lines) - 1) + 1)


def choose_words(phrases: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """Return the text to set, and the words in it. Words that no font here has the letters of are left out."""
    kept: list[str] = []
    length = 0
    for at, phrase in enumerate(phrases):
        settable = [word for word in phrase if face_for(word) is not None]
        for place, word in enumerate(settable):
            mark = " · " if at and place == 0 and kept else " "
            if length + len(word) + len(mark) > LONGEST and kept:
                return "".join(kept).strip() + " …", _words(kept)
            kept += [mark, word[:LONGEST]]
            length += len(word) + len(mark)
    return "".join(kept).strip(" ·"), _words(kept)


def _words(kept: list[str]) -> list[str]:
    return [part.lower() for part in kept if part.strip(" ·")]


def letter(canvas: Canvas, text: str, *, poster: bool = False) -> None:
    """Set a text into the picture: large and to the left on a poster, else small and centred where it is calm."""
    margin = canvas.short * 0.09
    room = canvas.width - 2 * margin
    most = 0.17 if poster else 0.08
    block = _fit(text, room * (1.0 if poster else 0.86), canvas.height * (0.7 if poster else 0.3), most * canvas.short)
    left = margin if poster else (canvas.width - block.width) / 2
    top = canvas.height * 0.5 - block.height * 0.5 if poster else _calm_top(canvas, block)
    mask = _mask(canvas, block, left, top, centred=not poster)
    _ink(canvas, mask, (left, top, left + block.width, top + block.height))


def _fit(text: str, width: float, height: float, largest: float) -> Block:
    """Return the text at the largest size at which it fits."""
    capitals = _capitals(text)
    # Text of n letters, each about half as wide as its size, fills n · size² · leading / 2.
    filling = (width * height / (max(1, len(text)) * 0.4 * LEADING)) ** 0.5
    size = max(9.0, min(largest, filling))
    while True:
        # Long words are divided only when half the size is not small enough for them.
        whole = all(_measure(word, round(size), capitals=capitals) <= width for word in text.split())
        if whole or size <= largest / 2:
            block = _wrapped(text, width, round(size))
            if (block.width <= width and block.height <= height) or size <= 9:
                return block
        size = max(9.0, size * 0.92)


def _capitals(text: str) -> bool:
    return len(text) <= TITLE and all(face_for(word) == OWN for word in text.split())


def _wrapped(text: str, width: float, size: int) -> Block:
    """Break a text into as few lines as fit, about equally long."""
    capitals = _capitals(text)
    words = [piece for word in text.split() for piece in _pieces(word, width, size, capitals=capitals)]
    count = len(_broken(words, width, size, capitals=capitals))
    low, high = 0.0, width
    for _ in range(7):  # the narrowest measure with that many lines is the balanced one
        middle = (low + high) / 2
        if len(_broken(words, middle, size, capitals=capitals)) > count:
            low = middle
        else:
            high = middle
    lines = _broken(words, high, size, capitals=capitals)
    return Block(tuple(lines), size, capitals, tuple(_measure(line, size, capitals=capitals) for line in lines))


def _broken(words: list[str], width: float, size: int, *, capitals: bool) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _measure(longer, size, capitals=capitals) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _pieces(word: str, width: float, size: int, *, capitals: bool) -> list[str]:
    """Divide a word that is wider than a line: with hyphens, or where the script has none, anywhere."""
    if _measure(word, size, capitals=capitals) <= width:
        return [word]
    hyphen = "-" if word.isascii() or face_for(word) == OWN else ""
    pieces, rest = [], word
    while rest:
        end = len(rest)
        while end > 1 and _measure(rest[:end] + (hyphen if end < len(rest) else ""), size, capitals=capitals) > width:
            end -= 1
        if len(rest) - end == 1 and end > 2:  # no single letter on a line of its own
            end -= 1
        pieces.append(rest[:end] + (hyphen if end < len(rest) else ""))
        rest = rest[end:]
    return pieces


def _weight(size: int) -> int:
    return LIGHT if size >= 22 else BOOK


def _measure(line: str, size: int, *, capitals: bool) -> float:
    shown = line.upper() if capitals else line
    total = sum(length for _, length in _runs(shown, size))
    return total + (len(shown) - 1) * size * TRACKING if capitals else total


def _runs(line: str, size: int) -> list[tuple[str, float]]:
    """The words of a line with the space after each, and their widths in the face that each takes."""
    words = line.split(" ")
    runs = []
    for at, word in enumerate(words):
        text = word if at == len(words) - 1 else word + " "
        runs.append((text, _advance(text, size)))
    return runs


@lru_cache(maxsize=8192)
def _advance(text: str, size: int) -> float:
    return font(face_for(text.strip()) or OWN, size, _weight(size)).getlength(text)


def _mask(canvas: Canvas, block: Block, left: float, top: float, *, centred: bool) -> Array:
    image = Image.new("L", (canvas.width, canvas.height))
    pen = ImageDraw.Draw(image)
    for at, (line, width) in enumerate(zip(block.lines, block.widths, strict=True)):
        x = left + (block.width - width) / 2 if centred else left
        baseline = top + block.size * (0.86 + LEADING * at)
        shown = line.upper() if block.capitals else line
        for text, length in _runs(shown, block.size):
            face = font(face_for(text.strip()) or OWN, block.size, _weight(block.size))
            if not block.capitals:
                pen.text((x, baseline), text, fill=255, font=face, anchor="ls")
                x += length
                continue
            for character in text:
                pen.text((x, baseline), character, fill=255, font=face, anchor="ls")
                x += face.getlength(character) + block.size * TRACKING
    return np.asarray(image, dtype=np.float32) / 255


def _calm_top(canvas: Canvas, block: Block) -> float:
    """Find the height at which the picture changes least behind the block: whole numbers, so equal everywhere."""
    small = canvas.image().convert("L").resize((48, 48), Image.Resampling.BOX)
    rows = np.asarray(small, dtype=np.int64)
    pixels = canvas.height / 48
    tall = max(1, round(block.height / pixels))
    span = max(1, round(block.width / canvas.width * 24))
    best, place = None, 0
    for top in range(4, max(5, 44 - tall)):
        part = rows[max(0, top - 1) : top + tall + 1, max(0, 24 - span) : 24 + span]
        middle = int(part.sum()) // part.size
        unrest = int(((part - middle) ** 2).sum()) * 100 // part.size
        # A title stands in the upper third, or well below the middle; not across what is looked at.
        unrest += 900 * max(0, 12 - abs(top + tall // 2 - 24))
        if best is None or unrest < best:
            best, place = unrest, top
    return place * pixels


def _ink(canvas: Canvas, mask: Array, box: tuple[float, float, float, float]) -> None:
    """Lay the letters down, light or dark, and calm what is behind them until they can be read."""
    left, top, right, bottom = (round(edge) for edge in box)
    behind = canvas.rgb[max(0, top) : bottom, max(0, left) : right]
    light = canvas.palette.one(0.99) * 0.3 + 0.7
    dark = canvas.palette.one(0.03)
    means = [float(part) for part in behind.reshape(-1, 3).mean(axis=0).clip(0, 1)]
    bright = luminance(means) > 0.42
    ink, ground = (dark, light) if bright else (light, dark)
    halo = soften(mask, canvas.short * 0.03)
    veil = (halo / max(0.05, float(halo.max()))).clip(0, 1)
    strength = 0.22
    for _ in range(9):
        if _readable(behind, ground, strength * 0.85, ink):
            break
        strength += 0.09
    canvas.cover(ground, veil * min(strength, 0.85))
    canvas.cover(ink, mask * 0.96)


def _readable(behind: Array, ground: Array, share: float, ink: Array) -> bool:
    """Return whether the letters stand out from all but the worst twentieth of what is behind them."""
    sample = behind[::4, ::4].reshape(-1, 3).clip(0, 1)
    veiled = np.clip(sample + (ground - sample) * share, 0, 1).astype(np.float64)
    lights = np.sort((veiled**2.2) @ np.array([0.2126, 0.7152, 0.0722]))
    own = luminance([float(part) for part in ink.clip(0, 1)])
    worst = lights[int(len(lights) * (0.95 if own > 0.4 else 0.05))]
    return bool((max(own, worst) + 0.05) / (min(own, worst) + 0.05) >= CONTRAST)
