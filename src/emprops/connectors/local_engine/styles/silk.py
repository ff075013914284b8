"""Folds of silk: noise bent by noise, lit from the side."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from emprops.connectors.local_engine.canvas import Canvas, power, sample, sin
from emprops.connectors.local_engine.dice import Array

TEXELS = 1536
CELLS = 6
"""Bumps across the texture; few, so that each is many texels wide and its slope is smooth."""
SPAN = 410.0
"""Texels per unit of the picture."""


def silk(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    textures = [_texture(canvas, name) for name in range(4)]
    yield 0.15
    angle = dice.uniform(-0.6, 0.6)
    along = canvas.x * (1 - abs(angle) * 0.3) + canvas.y * angle
    across = canvas.y * (1 - abs(angle) * 0.3) - canvas.x * angle
    scale, bend = dice.uniform(0.75, 1.0), dice.uniform(0.55, 0.75)
    first = _look(textures[0], along * scale, across * scale * 1.3)
    yield 0.25
    second = _look(textures[1], along * scale, across * scale * 1.3)
    yield 0.35
    third = _look(textures[2], along * scale + bend * first, across * scale + bend * second)
    yield 0.45
    fourth = _look(textures[3], along * scale + bend * second, across * scale - bend * first)
    yield 0.55
    height = _look(textures[0], along * 0.5 + 0.75 * third, across * 0.5 + 0.75 * fourth)
    height = height + 0.11 * sin(6.5 * third + 5.0 * across) + 0.05 * sin(11.0 * fourth - 6.0 * along)
    yield 0.65
    slope_y, slope_x = (np.asarray(part, dtype=np.float32) / canvas.pixel for part in np.gradient(height))
    yield 0.75
    tone = 0.46 + 0.22 * height + 0.15 * third - 0.09 * fourth
    canvas.rgb[:] = canvas.palette.at(tone.clip(0.03, 0.97))
    yield 0.85
    _sheen(canvas, slope_x, slope_y)
    canvas.vignette(0.3)
    yield 0.95


def _texture(canvas: Canvas, name: int) -> Array:
    """Smooth noise that continues at its edges."""
    dice = canvas.dice.fork("silk", name)
    total: Array = np.zeros((TEXELS, TEXELS), dtype=np.float32)
    for cells, weight in ((CELLS, 1.1), (2 * CELLS, 0.3)):
        lattice = Image.fromarray(np.pad(dice.many(cells, cells, low=-1.0), 3, mode="wrap"))
        frame = (3.0, 3.0, 3.0 + cells, 3.0 + cells)
        total += weight * np.asarray(lattice.resize((TEXELS, TEXELS), Image.Resampling.BICUBIC, box=frame))
    return total


def _look(texture: Array, x: Array, y: Array) -> Array:
    return sample(texture, x * SPAN, y * SPAN)


def _sheen(canvas: Canvas, slope_x: Array, slope_y: Array) -> None:
    steepness = np.sqrt(1 + 0.12 * (slope_x**2 + slope_y**2))
    facing = (0.62 - 0.19 * slope_x - 0.15 * slope_y) / steepness
    canvas.shade((0.62 - facing).clip(-0.1, 0.8) * 0.62)
    gloss = power(facing.clip(0, 1.05) / 1.05, np.array(7.0))
    canvas.light(canvas.palette.one(0.98), gloss * 0.42)
