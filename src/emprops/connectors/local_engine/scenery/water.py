"""Water: the open sea with glitter under the light, still lakes that mirror what is above, rivers."""

import numpy as np
from PIL import Image

from emprops.connectors.local_engine.canvas import exp, mix, rgb, sample, sin, smoothstep
from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.scenery.view import View

TEXELS = 512


def paint_sea(view: View) -> None:
    """The sea from the horizon down: darker than the sky it mirrors, with waves that grow towards the viewer."""
    canvas, scheme = view.canvas, view.scheme
    where = view.rows_from(view.horizon)
    y = canvas.y[where[0]]
    depth = ((y - view.horizon) / view.depth).clip(0, 1)
    waves = _waves(view, where)
    rough = 0.05 if view.has("calm") else 0.11 if view.has("storm", "wind") else 0.075
    mirrored = scheme.horizon - 0.1 - (scheme.horizon - scheme.zenith - 0.03) * (0.62 * depth**0.55 + 0.22 * depth)
    tone = mirrored + rough * waves * (0.35 + 1.1 * depth)
    water = scheme.sky.at(np.asarray(tone.clip(0, 1)))
    if scheme.time == "day" and not view.has("storm", "rain"):
        deep = rgb(0.03, 0.3, 0.42)
        water = mix(water, deep, np.broadcast_to(0.22 + 0.3 * depth, waves.shape))
    canvas.rgb[where] = water * (0.97 - 0.12 * depth)[..., None]
    haze = smoothstep(0.14, 0.0, depth) * np.ones_like(waves)
    canvas.cover(scheme.far(), haze * 0.4, where)
    _glitter(view, where, waves, depth)


def _waves(view: View, where: tuple[slice, slice]) -> Array:
    """Waves about −1…1, in perspective: the same texture, seen ever flatter."""
    canvas = view.canvas
    texture, ripples = _tile(view.dice.fork("waves"), 34, 3), _tile(view.dice.fork("ripples"), 48, 2)
    y = canvas.y[where[0]]
    far = 1 / (y - view.horizon + 0.02)
    across = (canvas.x - canvas.right / 2) * far
    along = np.broadcast_to(far, across.shape)
    big = sample(texture, across * 9.0, along * 46.0)
    small = sample(ripples, across * 22.0 + 90, along * 120.0 + 30)
    steady = smoothstep(0.0, 0.05, y - view.horizon)
    return np.asarray((0.6 * big + 0.4 * small) * (0.3 + 0.7 * steady), dtype=np.float32)


def _tile(dice: Dice, cells: int, octaves: int) -> Array:
    """Smooth noise that goes on at its edges."""
    total: Array = np.zeros((TEXELS, TEXELS), dtype=np.float32)
    weight = 0.9
    for _ in range(octaves):
        lattice = Image.fromarray(np.pad(dice.many(cells, cells, low=-1.0), 3, mode="wrap"))
        frame = (3.0, 3.0, 3.0 + cells, 3.0 + cells)
        total += weight * np.asarray(lattice.resize((TEXELS, TEXELS), Image.Resampling.BICUBIC, box=frame))
        weight *= 0.58
        cells *= 2
    return total


def _glitter(view: View, where: tuple[slice, slice], waves: Array, depth: Array) -> None:
    """Light on the waves below sun or moon."""
    if not view.has("sun", "moon", "crescent"):
        return
    canvas = view.canvas
    width = 0.035 + 0.2 * depth
    column = exp(-(((canvas.x - view.light[0]) / width) ** 2))
    spark = smoothstep(0.1, 0.62, waves + 0.75 * (column - 0.62))
    canvas.light(view.scheme.sky.one(0.97), column * (0.2 + 0.8 * spark) * (0.9 - 0.3 * depth), where)


def paint_lake(view: View, shore: float) -> None:
    """Mirror what is above the shore; farther down the ripples swing more."""
    canvas = view.canvas
    where = view.rows_from(shore)
    first, count = where[0].start, canvas.height - where[0].start
    below = ((np.arange(count, dtype=np.float32) + 0.5) / canvas.short)[:, None]
    calm = 0.6 if view.has("calm") else 1.0
    ripple = canvas.noise("ripple", 24.0, 3, 0.6, stretch=9.0, where=where)
    unit = canvas.short / 768
    row = first - 1 - below * canvas.short * 1.3 + ripple * (2 + 46 * below) * unit * calm
    swing = sin(below * 190 / (0.4 + 2 * below)) * (0.4 + 16 * below) * calm
    column = np.arange(canvas.width)[None, :] + (swing + ripple * 6 * calm) * unit
    mirror = canvas.rgb[row.clip(0, first - 1).astype(np.intp), column.clip(0, canvas.width - 1).astype(np.intp)]
    deep = view.scheme.sky.one(view.scheme.zenith * 0.5) * 0.8
    share = (0.86 - 0.75 * below).clip(0.35, None) * np.ones_like(ripple)
    water = mix(np.broadcast_to(deep, mirror.shape), mirror, share)
    glint = smoothstep(0.45, 1.2, ripple) * smoothstep(0.5, 0.0, below)
    canvas.rgb[where] = water
    canvas.light(view.scheme.far(), glint * 0.22, where)
    canvas.light(view.scheme.far(), smoothstep(0.006, 0.0, below) * np.ones_like(ripple) * 0.35, where)


def paint_river(view: View, start: float) -> None:
    """A river that winds towards the viewer and mirrors the sky."""
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("river")
    where = view.rows_from(start)
    y = canvas.y[where[0]]
    share = ((y - start) / (canvas.bottom - start)).clip(1e-4, 1)
    phase, way = dice.uniform(0.4, 1.2), dice.pick((-1.0, 1.0))
    bend = sin(7.5 * share**0.42 + phase) * (0.035 + 0.3 * share)
    middle = canvas.right * 0.5 + way * bend
    half = 0.006 + 0.19 * share**1.5
    edge = canvas.noise("bank", 9.0, 4, 0.5, where=where) * (0.004 + 0.02 * share)
    inside = half + edge - np.abs(canvas.x - middle)
    ripple = canvas.noise("river", 20.0, 3, 0.6, stretch=6.0, where=where)
    tone = scheme.horizon - 0.1 - 0.36 * share * (scheme.horizon - scheme.zenith) + 0.085 * ripple
    water = scheme.sky.at(np.asarray(tone.clip(0, 1)))
    bank = smoothstep(0.0, 0.012, inside)
    canvas.shade(smoothstep(-0.016, 0.0, inside) * 0.3 * (1 - bank), where)
    canvas.cover(water * (0.8 + 0.2 * bank)[..., None], smoothstep(-canvas.pixel, canvas.pixel, inside), where)
