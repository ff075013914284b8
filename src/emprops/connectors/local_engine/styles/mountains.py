"""Ranges of mountains behind each other, paler with distance, under a low sun, with a wood in front."""

from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, exp, mix, power, sin, smoothstep, soften
from emprops.connectors.local_engine.dice import Array

RIDGES = 7


def mountains(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    horizon = canvas.bottom * dice.uniform(0.5, 0.58)
    sun_x = canvas.right * dice.uniform(0.28, 0.72)
    sun_y = horizon - dice.uniform(0.1, 0.24)
    _sky(canvas, horizon)
    yield 0.15
    _sun(canvas, sun_x, sun_y, dice.uniform(0.055, 0.085))
    yield 0.25
    for index in range(RIDGES):
        _ridge(canvas, index / (RIDGES - 1), horizon, sun_x)
        yield 0.25 + 0.65 * (index + 1) / RIDGES
    canvas.vignette(0.3)
    yield 0.95


def _sky(canvas: Canvas, horizon: float) -> None:
    height = (canvas.y / horizon).clip(0, 1) ** 2
    drift = canvas.noise("sky", 1.6, 3, stretch=3.0) * 0.05
    canvas.rgb[:] = canvas.palette.at(0.34 + 0.56 * height + drift)
    streaks = smoothstep(0.15, 1.3, canvas.noise("clouds", 5.0, 5, 0.55, stretch=5.0)) * height * (1.3 - height)
    canvas.light(canvas.palette.one(0.95), streaks * 0.55)


def _sun(canvas: Canvas, x: float, y: float, radius: float) -> None:
    distance = np.sqrt((canvas.x - x) ** 2 + (canvas.y - y) ** 2)
    glow = exp(-distance / 0.32) * 0.55 + exp(-distance / 0.07) * 0.35
    canvas.light(canvas.palette.one(0.93), glow)
    disc = smoothstep(radius + canvas.pixel, radius - canvas.pixel, distance)
    canvas.cover(canvas.palette.one(1.0) * 0.5 + 0.5, disc)


def _ridge(canvas: Canvas, near: float, horizon: float, sun_x: float) -> None:
    """One range; ``near`` runs from 0 (the farthest) to 1."""
    base = horizon - 0.045 + (canvas.bottom - horizon) * near**1.25 * 0.93
    rough = canvas.curve(("ridge", near), 2.2 + 1.5 * near, 8, 0.48)
    rise = 0.15 * (1 - near) ** 0.6 + 0.045
    crest = base - (0.35 + rough - 0.5 * np.abs(canvas.curve(("peak", near), 3.2, 5, 0.5))) * rise
    if near == 1.0:
        crest = crest - _firs(canvas)
    depth = canvas.y - crest[None, :]
    coverage = (depth / canvas.pixel + 0.5).clip(0, 1)
    dark, haze = canvas.palette.one(0.02), canvas.palette.one(0.84 - 0.5 * near)
    body = canvas.palette.one(0.62 * (1 - near) ** 1.15 + 0.02) * 0.92
    body = body * (1 - near) + (body + (dark - body) * 0.8) * near
    rock = canvas.noise(("rock", near), 14.0, 5, 0.6) * 0.055 * (1 - 0.7 * near)
    slope = np.gradient(soften(crest[None, :] + 1, canvas.short * 0.012)[0]).astype(np.float32) / canvas.pixel
    side = np.where(canvas.x[0] < sun_x, slope, -slope)
    lit = (-side).clip(-1, 1)[None, :] * 0.06 * exp(-depth.clip(0, None) / 0.05) * (1 - near)
    tone: Array = body[None, None, :] + (rock + lit)[..., None]
    mist = smoothstep(0.0, 0.2 + 0.12 * near, depth) * (0.72 - 0.55 * near)
    mist = mist * (1 + 0.35 * canvas.noise(("mist", near), 4.0, 3, stretch=4.0))
    tone = mix(tone, haze, mist.clip(0, 1))
    canvas.rgb += (tone - canvas.rgb) * coverage[..., None]


def _firs(canvas: Canvas) -> Array:
    """Height of a wood's outline for each column."""
    dice = canvas.dice.fork("firs")
    outline: Array = np.zeros(canvas.width, dtype=np.float32)
    across = canvas.x[0]
    density = canvas.curve("density", 2.0, 2)
    for _ in range(int(150 * canvas.right)):
        x = dice.uniform(0, canvas.right)
        height = dice.uniform(0.025, 0.085) * (1.0 + 0.6 * float(density[int(x * canvas.short) % canvas.width]))
        reach = height * dice.uniform(0.16, 0.24)
        left, right = (int(np.searchsorted(across, edge)) for edge in (x - reach, x + reach))
        away = np.abs(across[left:right] - x) / reach
        jag = 0.12 * sin(away * (9.0 + 6 * dice.uniform())) * (1 - away)
        tree = height * (1 - power(away, np.array([0.8])) + jag)
        outline[left:right] = np.maximum(outline[left:right], tree)
    return outline
