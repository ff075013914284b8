"""Washes of watercolour that run into each other on rough paper."""

import math
from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, noise, smoothstep
from emprops.connectors.local_engine.dice import Array

WASHES = 24


def watercolor(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    tooth = canvas.noise("tooth", 190.0, 3, 0.7)
    canvas.rgb[:] = np.array([0.975, 0.962, 0.935], dtype=np.float32)
    canvas.rgb *= (1 + 0.012 * tooth + 0.01 * canvas.noise("sheet", 2.0, 2))[..., None]
    yield 0.1
    angle = dice.uniform(0, math.pi)
    for index in range(WASHES):
        share = (index + dice.uniform(-0.4, 0.4)) / WASHES
        # Along a loose arc through the sheet: crowded in the middle, air at the corners.
        spread = math.sin(math.pi * share) * 0.5
        way = angle + share * 5.2 + dice.uniform(-0.5, 0.5)
        x = canvas.right * (0.5 + (0.1 + 0.48 * spread) * math.cos(way))
        y = canvas.bottom * (0.5 + (0.1 + 0.48 * spread) * math.sin(way))
        radius = dice.uniform(0.08, 0.24) if index % 4 else dice.uniform(0.03, 0.07)
        colour = _pigment(canvas, share + dice.uniform(-0.16, 0.16))
        _wash(canvas, (x, y), radius, colour, tooth)
        yield 0.1 + 0.7 * (index + 1) / WASHES
    _splatter(canvas)
    yield 0.9
    canvas.vignette(0.08)
    yield 0.95


def _pigment(canvas: Canvas, share: float) -> Array:
    """Neighbours take neighbouring colours: opposite ones would mix to mud."""
    accents = canvas.palette.accents
    return accents[int((0.5 - 0.5 * math.cos(2 * math.pi * share)) * len(accents) * 0.999)]


def _wash(canvas: Canvas, centre: tuple[float, float], radius: float, colour: Array, tooth: Array) -> None:
    dice = canvas.dice.fork("wash", *centre)
    where = canvas.box(*centre, radius * 2.5)
    dx, dy = canvas.x[:, where[1]] - centre[0], canvas.y[where[0]] - centre[1]
    flat = dice.uniform(0.75, 1.3)
    distance = np.sqrt((dx * flat) ** 2 + (dy / flat) ** 2)
    size = (distance.shape[1], distance.shape[0])
    extent = (size[0] * canvas.pixel, size[1] * canvas.pixel)
    edge = noise(dice.fork("edge"), size, extent, 0.95 / radius, 7, 0.56, 1.0)
    flow = noise(dice.fork("flow"), size, extent, 5.0, 5, 0.55, 1.0)
    inside = (radius * (1 + 0.33 * edge) - distance) / radius
    wet = dice.uniform(0.02, 0.3)
    body = smoothstep(-wet * 0.3, 0.02 + wet, inside)
    rim = smoothstep(0.09, 0.0, np.abs(inside - 0.035)) * (0.5 - wet)
    density = body * (0.46 + 0.24 * flow - 0.16 * smoothstep(0.1, 0.9, inside)) + rim.clip(0, None) * 0.55
    density = (density + body * 0.09 * tooth[where]).clip(0, 0.96)
    # Pigment filters light: transparent layers multiply.
    canvas.rgb[where] *= 1 - (1 - (0.1 + 0.9 * colour)) * density[..., None]


def _splatter(canvas: Canvas) -> None:
    dice = canvas.dice.fork("splatter")
    for _ in range(46):
        x, y = canvas.right * dice.uniform(0.06, 0.94), canvas.bottom * dice.uniform(0.06, 0.94)
        radius = 0.0016 + 0.0075 * dice.uniform() ** 4
        where = canvas.box(x, y, radius * 2)
        away = np.sqrt((canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2)
        drop = smoothstep(radius + canvas.pixel, radius - canvas.pixel, away) * dice.uniform(0.25, 0.75)
        drop = drop * (0.7 + 0.3 * smoothstep(radius * 0.4, radius, away))
        canvas.rgb[where] *= 1 - (1 - dice.pick(canvas.palette.accents)) * drop[..., None]
