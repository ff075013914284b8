"""Curtains of polar light over hills and a still lake."""

from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, exp, mix, sin, smoothstep, soften
from emprops.connectors.local_engine.dice import Array

CURTAINS = 4


def aurora(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    shore = canvas.bottom * canvas.dice.uniform(0.68, 0.75)
    rows = int(shore * canvas.short)
    _night(canvas, shore)
    yield 0.1
    _stars(canvas, rows)
    yield 0.2
    for index in range(CURTAINS):
        _curtain(canvas, index, shore)
        yield 0.2 + 0.5 * (index + 1) / CURTAINS
    _hills(canvas, shore)
    yield 0.8
    _lake(canvas, rows)
    yield 0.9
    canvas.vignette(0.35)
    yield 0.95


def _night(canvas: Canvas, shore: float) -> None:
    height = (canvas.y / shore).clip(0, 1)
    drift = canvas.noise("night", 1.5, 3) * 0.03
    canvas.rgb[:] = canvas.palette.at(0.02 + 0.2 * height**2.2 + drift)
    canvas.rgb *= 0.85


def _stars(canvas: Canvas, rows: int) -> None:
    dice = canvas.dice.fork("stars")
    band = 1 + canvas.noise("milky way", 2.0, 4, stretch=2.0)
    for _ in range(int(520 * canvas.right * canvas.bottom)):
        x, y = dice.uniform(0, canvas.right), dice.uniform(0, rows / canvas.short)
        brightness = dice.uniform() ** 5
        density = float(band[int(y * canvas.short) % canvas.height, int(x * canvas.short) % canvas.width])
        if dice.uniform() > 0.25 + 0.5 * density:
            continue
        size = 0.0007 + 0.0011 * brightness
        where = canvas.box(x, y, size * 5 + canvas.pixel)
        square = (canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2
        canvas.light(canvas.palette.one(0.97), exp(-square / size**2) * (0.25 + 0.75 * brightness), where)


def _curtain(canvas: Canvas, index: int, shore: float) -> None:
    dice = canvas.dice.fork("curtain", index)
    foot = shore * (0.5 + 0.38 * (index + dice.uniform(-0.3, 0.3)) / (CURTAINS - 1))
    sway = canvas.curve(("sway", index), 1.1, 2, 0.4) * 0.13 * shore
    fold = canvas.curve(("fold", index), 7.0, 3, 0.55) * 0.035 * shore
    edge = (foot + sway + fold)[None, :]
    rays = 0.6 + 0.55 * canvas.curve(("rays", index), 22.0, 4, 0.62)[None, :]
    veil = smoothstep(-0.5, 0.7, canvas.curve(("veil", index), 1.6, 2))[None, :]
    reach = (0.17 + 0.1 * canvas.curve(("reach", index), 9.0, 3, 0.6))[None, :].clip(0.05, None) * shore * 1.6
    above = edge - canvas.y
    glow = np.where(above > 0, exp(-above.clip(0, None) / reach), exp(-((above / 0.016) ** 2)))
    glow = np.asarray(glow * rays.clip(0.05, None) * veil * dice.uniform(0.55, 1.0), dtype=np.float32)
    rise = (above / (reach * 2.6)).clip(0, 1)
    palette = canvas.palette
    colour = mix(palette.one(0.8), palette.one(0.4), rise)
    halo = soften(glow, canvas.short * 0.05)
    canvas.light(colour, glow * 1.25)
    canvas.light(palette.one(0.62), halo * 0.5)


def _hills(canvas: Canvas, shore: float) -> None:
    for far, (height, tone) in enumerate(((0.12, 0.13), (0.06, 0.03))):
        crest = shore - height * (0.55 + 0.6 * canvas.curve(("hill", far), 2.6, 7, 0.5).clip(-0.9, None))
        depth = canvas.y - crest[None, :]
        coverage = (depth / canvas.pixel + 0.5).clip(0, 1) * smoothstep(shore + canvas.pixel, shore, canvas.y)
        canvas.cover(canvas.palette.one(tone) * 0.7, coverage)


def _lake(canvas: Canvas, rows: int) -> None:
    """Mirror the sky below the shore; rows further down swing more."""
    depth = canvas.height - rows
    below = (np.arange(depth, dtype=np.float32) + 0.5) / canvas.short
    ripple = canvas.noise("ripple", 26.0, 3, 0.6, stretch=9.0)[rows:]
    source = rows - 1 - (below * canvas.short * 1.35)[:, None] + ripple * (3 + 60 * below)[:, None] * canvas.short / 768
    swing = sin(below[:, None] * 210 / (0.4 + 2 * below[:, None])) * (0.5 + 22 * below[:, None])
    across = np.arange(canvas.width)[None, :] + (swing + ripple * 9) * canvas.short / 768
    at_row = source.clip(0, rows - 1).astype(np.intp)
    at_column = across.clip(0, canvas.width - 1).astype(np.intp)
    mirror = canvas.rgb[at_row, at_column]
    fade = (0.78 - 0.9 * below)[:, None].clip(0.3, None)
    water: Array = mix(np.broadcast_to(canvas.palette.one(0.05) * 0.7, mirror.shape), mirror, fade)
    glint = smoothstep(0.0, 0.012, below)[:, None]
    canvas.rgb[rows:] = water * (0.6 + 0.4 * glint)[..., None]
