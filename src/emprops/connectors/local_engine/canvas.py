"""The picture being made, and the few operations that every style is built from.

Lengths are in units of the shorter side, so a composition looks the same at every size. Transcendental functions are
computed in double precision and rounded: vector instruction sets differ in the last bits, pictures must not.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.palettes import Palette

GRAIN_TILE = 384
BAND = 48
COARSE = 8
"""Pixels per bump from which noise is made at half the size and enlarged: the eye sees no difference."""


class Canvas:
    """An RGB picture (float, 0–1, sRGB) with its coordinates, palette and dice."""

    def __init__(self, width: int, height: int, palette: Palette, dice: Dice) -> None:
        self.width, self.height, self.palette, self.dice = width, height, palette, dice
        self.short = min(width, height)
        self.pixel = 1.0 / self.short
        self.right, self.bottom = width / self.short, height / self.short
        self.x: Array = ((np.arange(width, dtype=np.float32) + 0.5) / self.short)[None, :]
        self.y: Array = ((np.arange(height, dtype=np.float32) + 0.5) / self.short)[:, None]
        self.rgb: Array = np.zeros((height, width, 3), dtype=np.float32)

    def noise(
        self,
        name: object,
        cells: float,
        octaves: int = 1,
        gain: float = 0.5,
        stretch: float = 1.0,
        *,
        where: tuple[slice, slice] | None = None,
    ) -> Array:
        """Smooth noise about −1…1 over the picture, or the part of it at ``where``; ``cells`` bumps along the shorter
        side, wider by ``stretch``."""
        rows, columns = where or (slice(0, self.height), slice(0, self.width))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        start = (columns.start / self.width, rows.start / self.height)
        part = (*start, start[0] + size[0] / self.width, start[1] + size[1] / self.height)
        dice = self.dice.fork("noise", name)
        return noise(dice, size, (self.right, self.bottom), cells, octaves, gain, stretch, part=part)

    def curve(self, name: object, cells: float, octaves: int = 4, gain: float = 0.5) -> Array:
        """Smooth noise about −1…1 along the width."""
        dice = self.dice.fork("curve", name)
        line = noise(dice, (self.width, 1), (self.right, 0.0), cells, octaves, gain, 1.0, flat=True)
        return np.asarray(line[0])

    def box(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns within ``reach`` of a point; empty slices when it lies outside."""
        left, top = math.floor((x - reach) * self.short), math.floor((y - reach) * self.short)
        right, bottom = math.ceil((x + reach) * self.short), math.ceil((y + reach) * self.short)
        rows = slice(min(max(top, 0), self.height), min(max(bottom, 0), self.height))
        return rows, slice(min(max(left, 0), self.width), min(max(right, 0), self.width))

    def cover(self, colour: Array, coverage: Array, where: tuple[slice, slice] | None = None) -> None:
        """Paint a colour over the picture, as opaque as ``coverage`` says."""
        for target, paint, share in self._bands(colour, coverage, where):
            target[...] += (paint - target) * share

    def light(self, colour: Array, amount: Array, where: tuple[slice, slice] | None = None) -> None:
        """Add light without burning out (screen blending)."""
        for target, lamp, share in self._bands(colour, amount, where):
            added = (lamp * share).clip(0, 1)
            added *= 1 - target.clip(0, 1)
            target[...] += added

    def _bands(
        self, colour: Array, share: Array, where: tuple[slice, slice] | None
    ) -> Iterator[tuple[Array, Array, Array]]:
        """The picture, a colour and how much of it, in bands that fit into a processor's cache; empty ones are left
        out."""
        target = self.rgb[where] if where else self.rgb
        for top in range(0, len(target), BAND):
            part = share[top : top + BAND] if len(share) == len(target) else share
            if part.any():
                paint = colour[top : top + BAND] if colour.ndim == 3 and len(colour) == len(target) else colour
                yield target[top : top + BAND], paint, part[..., None]

    def shade(self, amount: Array, where: tuple[slice, slice] | None = None) -> None:
        """Darken by 0–1."""
        target = self.rgb[where] if where else self.rgb
        target *= (1 - amount)[..., None]

    def vignette(self, strength: float) -> None:
        """Darken towards the corners."""
        dx, dy = (self.x / self.right - 0.5) * 2, (self.y / self.bottom - 0.5) * 2
        self.shade(strength * smoothstep(0.5, 1.9, dx * dx + dy * dy))

    def grain(self, strength: float) -> Iterator[None]:
        """Film grain; it also hides the steps of 8-bit gradients. A tile of it is repeated, which nobody can see."""
        dice = self.dice.fork("grain")
        size = (GRAIN_TILE, GRAIN_TILE)
        tile = (dice.many(*size, low=-strength, high=strength) + dice.many(*size, low=-strength, high=strength))[
            ..., None
        ]
        for top in range(0, self.height, GRAIN_TILE):
            for left in range(0, self.width, GRAIN_TILE):
                part = self.rgb[top : top + GRAIN_TILE, left : left + GRAIN_TILE]
                part += tile[: part.shape[0], : part.shape[1]]
            yield

    def image(self) -> Image.Image:
        """The picture in 8 bits."""
        return _in_8_bits(self.rgb)

    def sketch(self, side: int) -> Image.Image:
        """The picture in small, no side longer than ``side``. Pixels that would hardly count are left out first."""
        every = max(1, max(self.width, self.height) // (2 * side))
        small = _in_8_bits(self.rgb[::every, ::every])
        small.thumbnail((side, side))
        return small


def _in_8_bits(rgb: Array) -> Image.Image:
    return Image.fromarray((rgb * 255 + 0.5).clip(0, 255).astype(np.uint8))


def noise(
    dice: Dice,
    size: tuple[int, int],
    extent: tuple[float, float],
    cells: float,
    octaves: int,
    gain: float,
    stretch: float,
    *,
    flat: bool = False,
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Array:
    """Sum of random lattices, each enlarged by bicubic interpolation. ``flat``: one row only; ``part``: the edges of
    what is wanted of the whole extent, as shares of it."""
    total: Array = np.zeros((size[1], size[0]), dtype=np.float32)
    if not total.size:
        return total
    half = (size[0] // 2, size[1] // 2)
    coarse: Array = np.zeros((half[1], half[0]), dtype=np.float32)
    weight, power = 1.0, 0.0
    for _ in range(octaves):
        wide, high = extent[0] * cells / stretch, 1.0 if flat else extent[1] * cells
        rows = 1 if flat else math.ceil(high) + 4
        lattice = Image.fromarray(dice.many(rows, math.ceil(wide) + 4, low=-1.0))
        # A random offset per octave: aligned lattices would show as straight edges.
        left, top = 1.0 + dice.uniform(), 1.0 + dice.uniform()
        frame = (left + wide * part[0], top + high * part[1], left + wide * part[2], top + high * part[3])
        if flat:
            frame = (left, 0.0, left + wide, 1.0)
        spread = size[0] / (wide * (part[2] - part[0])), size[1] / (high * (part[3] - part[1]))
        if not flat and min(half) >= 64 and min(spread) >= COARSE:
            coarse += weight * np.asarray(lattice.resize(half, Image.Resampling.BICUBIC, box=frame))
        else:
            total += weight * np.asarray(lattice.resize(size, Image.Resampling.BICUBIC, box=frame))
        power += weight * weight
        weight *= gain
        cells *= 2.0
    if coarse.any():
        total += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return total * np.float32(1.15 / math.sqrt(power))


def rgb(red: float, green: float, blue: float) -> Array:
    """A colour."""
    return np.array((red, green, blue), dtype=np.float32)


def smoothstep(low: float | Array, high: float | Array, x: Array) -> Array:
    """0 below ``low``, 1 above ``high`` (or the other way round), smooth between."""
    t = np.asarray((x - low) / (high - low))
    np.clip(t, 0, 1, out=t)
    eased = 3 - 2 * t
    eased *= t
    eased *= t
    return np.asarray(eased)


def mix(a: Array, b: Array, share: Array) -> Array:
    """From colour a (share 0) to colour b (share 1)."""
    result = (b - a) * share[..., None]
    result += a
    return np.asarray(result)


def _rounded(function: Callable[..., Array]) -> Callable[..., Array]:
    def apply(*arrays: Array) -> Array:
        wide = np.broadcast_arrays(*arrays)
        result: Array = np.empty(wide[0].shape, dtype=np.float32)
        for top in range(0, len(result), 256):
            band = slice(top, top + 256)
            result[band] = function(*(part[band].astype(np.float64) for part in wide))
        return result

    return apply


exp = _rounded(np.exp)
sin = _rounded(np.sin)
atan2 = _rounded(np.arctan2)
power = _rounded(np.power)


def soften(field: Array, radius: float) -> Array:
    """Blur a field by about ``radius`` pixels: shrunk and enlarged again, cheap at any radius."""
    height, width = field.shape
    factor = max(1.0, radius / 1.2)
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    shrunk = Image.fromarray(np.ascontiguousarray(field)).resize(small, Image.Resampling.HAMMING)
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BICUBIC)).clip(0, None)


def sample(texture: Array, x: Array, y: Array) -> Array:
    """Read a texture at fractional coordinates (in texels, wrapping), bilinear; rows in bands to spare memory."""
    result: Array = np.empty(x.shape, dtype=np.float32)
    for top in range(0, len(x), 128):
        band = slice(top, top + 128)
        result[band] = _sample_band(texture, x[band], y[band])
    return result


def _sample_band(texture: Array, x: Array, y: Array) -> Array:
    rows, columns = texture.shape
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    c0, r0 = left.astype(np.intp) % columns, top.astype(np.intp) % rows
    c1, r1 = (c0 + 1) % columns, (r0 + 1) % rows
    upper = texture[r0, c0] * (1 - fx) + texture[r0, c1] * fx
    lower = texture[r1, c0] * (1 - fx) + texture[r1, c1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)
