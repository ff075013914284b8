"""What people build: a skyline, houses, a lighthouse."""

import math
from collections.abc import Callable

import numpy as np

from emprops.connectors.local_engine.canvas import exp, rgb, smoothstep
from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.palettes import named
from emprops.connectors.local_engine.scenery.stencil import Stencil
from emprops.connectors.local_engine.scenery.view import View

LAMP = rgb(1.0, 0.83, 0.5)


def paint_city(view: View, base: float) -> None:
    """A skyline in three depths; windows are lit when it gets dark."""
    if view.scheme.dark:
        canvas = view.canvas
        haze = smoothstep(base - 0.5, base, canvas.y) * np.ones_like(canvas.x)
        canvas.light(LAMP, haze**2 * 0.16)
        canvas.light(view.scheme.sky.one(0.62), haze * 0.3)
    for index, (near, tall) in enumerate(((0.3, 0.34), (0.6, 0.3), (0.95, 0.2))):
        _street(view, index, near, tall, base + 0.012 * index)


def _street(view: View, index: int, near: float, tall: float, base: float) -> None:
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("street", index)
    walls = Stencil(canvas, 0, base - 0.62, canvas.right, base + 0.02)
    lit = Stencil(canvas, 0, base - 0.62, canvas.right, base + 0.02)
    dim = Stencil(canvas, 0, base - 0.62, canvas.right, base + 0.02)
    centre = canvas.right * view.dice.fork("centre").uniform(0.3, 0.7)
    x = -0.05
    while x < canvas.right + 0.05:
        width = dice.uniform(0.04, 0.085) * (0.75 + 0.45 * near)
        crowd = math.exp(-(((x - centre) / (0.42 * canvas.right)) ** 2)) * 0.75 + 0.25
        height = tall * crowd * dice.uniform(0.42, 1.12) + 0.03
        _building(walls, dice, x, x + width, base, height)
        _windows(lit, dim, dice, (x, x + width), (base - height, base), dark=scheme.dark)
        x += width * dice.uniform(0.82, 1.06)
    colour = scheme.layer(0.2, near)
    cool = scheme.sky.one(0.16)
    colour = colour + (cool + (scheme.far() - cool) * 0.75 * (1 - near) - colour) * 0.75
    walls.cover(colour)
    if scheme.dark or scheme.time == "sunset":
        lit.light(LAMP, 0.95 if scheme.dark else 0.6)
        lit.light(LAMP, 0.4, blur=0.006)
        dim.light(scheme.sky.one(0.7), 0.32)
    else:
        dim.cover(scheme.sky.one(scheme.horizon - 0.2), 0.4)
        lit.cover(scheme.sky.one(scheme.horizon), 0.4)


def _building(walls: Stencil, dice: Dice, left: float, right: float, base: float, height: float) -> None:
    width, top = right - left, base - height
    walls.box(left, top, right, base + 0.03)
    kind = dice.uniform()
    if kind < 0.2 and height > 0.14:
        walls.box(left + width * 0.22, top - height * 0.09, right - width * 0.22, top)
        walls.box(left + width * 0.47, top - height * 0.24, left + width * 0.53, top)
    elif kind < 0.34:
        walls.polygon([(left, top), (left + width * dice.pick((0.0, 0.5, 1.0)), top - width * 0.55), (right, top)])
    elif kind < 0.5:
        walls.box(left + width * 0.15, top - 0.012, left + width * 0.5, top)


def _windows(
    lit: Stencil, dim: Stencil, dice: Dice, across: tuple[float, float], down: tuple[float, float], *, dark: bool
) -> None:
    columns = max(2, round((across[1] - across[0]) / 0.0135))
    step = (across[1] - across[0]) / columns
    y = down[0] + 0.014
    busy = dice.uniform(0.12, 0.5) if dark else 0.2
    while y < down[1] - 0.012:
        for column in range(columns):
            x = across[0] + (column + 0.28) * step
            target = lit if dice.chance(busy) else dim if dice.chance(0.5) else None
            if target is not None:
                target.box(x, y, x + step * 0.44, y + 0.0065, dice.integer(110, 255))
        y += 0.0165


def paint_house(view: View, x: float, base: float, size: float) -> None:
    """A small house with a gable, a chimney and, when it gets dark, lit windows."""
    canvas, scheme = view.canvas, view.scheme
    tint = view.reading.tints.get("house")
    wall = named(tint).one(0.5) if tint else rgb(0.86, 0.8, 0.71)
    roof = rgb(0.5, 0.22, 0.17)
    shade = scheme.sky.one(0.06)
    wall, roof = (np.asarray(part + (shade - part) * (scheme.gloom * 0.62)) for part in (wall, roof))
    left, right, top = x - size * 0.5, x + size * 0.5, base - size * 0.5
    ground = Stencil(canvas, x - size, base - size * 0.2, x + size, base + size * 0.2)
    ground.disc(x + size * 0.06, base, size * 0.62, tall=0.12)
    ground.cover(shade, 0.4, blur=size * 0.035)
    peak = (x - size * 0.14, base - size * 0.98)

    def part() -> Stencil:
        return Stencil(canvas, x - size, base - size * 1.5, x + size, base + size * 0.1)

    chimney = part()
    chimney.box(x + size * 0.2, base - size * 1.06, x + size * 0.31, base - size * 0.6)
    chimney.cover(roof * 0.75)
    front = part()
    front.polygon([(left, base), (left, top), peak, (x + size * 0.18, top), (x + size * 0.18, base)])
    front.cover(wall)
    flank = part()
    flank.polygon([(x + size * 0.18, base), (x + size * 0.18, top), (right, top), (right, base)])
    flank.cover(wall * 0.78)
    slope = part()
    slope.polygon([
        peak, (x + size * 0.22, top + size * 0.04), (right + size * 0.09, top + size * 0.04),
        (x + size * 0.34, peak[1]),
    ])  # fmt: skip
    slope.polygon([
        (left - size * 0.07, top + size * 0.05), (left - size * 0.02, top + size * 0.08),
        (peak[0] + size * 0.02, peak[1] + size * 0.07), (peak[0], peak[1]),
    ])  # fmt: skip
    snowy = view.has("snow", "winter")
    slope.cover(scheme.land.one(0.93) * (1 - 0.5 * scheme.gloom) if snowy else roof)
    panes, door = part(), part()
    for left_edge, up in ((x - size * 0.38, 0.4), (x - size * 0.09, 0.4), (x + size * 0.28, 0.36)):
        panes.box(left_edge, base - size * up, left_edge + size * 0.13, base - size * (up - 0.17))
    door.box(x - size * 0.22, base - size * 0.28, x - size * 0.11, base)
    door.cover(roof * 0.6)
    if scheme.dark or snowy or view.has("fog", "rain", "storm"):
        panes.cover(LAMP)
        view.glow(x, base - size * 0.3, size * 0.55, LAMP, 0.4 if scheme.dark else 0.2)
    else:
        panes.cover(scheme.sky.one(0.22))
    _smoke(view, x + size * 0.255, base - size * 1.06, size)


def _smoke(view: View, x: float, y: float, size: float) -> None:
    plume = Stencil(view.canvas, x - size, y - size * 1.6, x + size * 1.4, y + 0.02)
    for step in range(26):
        share = step / 25
        drift = size * (0.55 * share**1.5 + 0.06 * math.sin(share * 9))
        plume.disc(x + drift, y - size * 1.05 * share, size * (0.03 + 0.13 * share), round(150 * (1 - share) ** 1.3))
    plume.cover(view.scheme.sky.one(min(0.95, view.scheme.horizon)), 0.5, blur=size * 0.06)


def paint_houses(view: View, base: float) -> None:
    """A few houses by the shore, or in the fields."""
    dice = view.dice.fork("houses")
    left = view.light[0] > view.canvas.right / 2
    for index in range(5):
        x = 0.1 + 0.105 * index + dice.uniform(-0.02, 0.02)
        size = dice.uniform(0.085, 0.125)
        paint_house(view, x if left else view.canvas.right - x, base + 0.012 * (index % 2), size)


def paint_lighthouse(view: View, x: float, base: float, height: float) -> None:
    """A striped tower with a lantern, and its beam when it gets dark or thick."""
    canvas, scheme = view.canvas, view.scheme
    foot, head = height * 0.1, height * 0.062
    top = base - height
    stripes = named(view.reading.tints.get("lighthouse", "ember")).one(0.52)
    shade = scheme.sky.one(0.08)

    def part() -> Stencil:
        return Stencil(canvas, x - height * 0.4, top - height * 0.3, x + height * 0.4, base + 0.02)

    def half(y: float) -> float:
        return head + (foot - head) * (y - top) / height

    bands = 7
    edges = [top + height * band / bands for band in range(bands + 1)]
    for band in range(bands):
        up, down = edges[band], edges[band + 1]
        piece = part()
        piece.polygon([(x - half(up), up), (x + half(up), up), (x + half(down), down), (x - half(down), down)])
        colour = stripes if band % 2 == 0 else rgb(0.96, 0.94, 0.9)
        colour = colour + (shade - colour) * (scheme.gloom * 0.6)
        where = piece.where
        across = (canvas.x[:, where[1]] - x) / half((up + down) / 2)
        sun = 1.0 if view.light[0] > x else -1.0
        round_ = (0.82 + 0.24 * sun * across - 0.22 * across * across).clip(0.35, 1.1)
        piece.cover(colour * np.broadcast_to(round_, (piece.rows, piece.columns))[..., None])
    _lantern(view, part, x, top, height)
    if scheme.dark or view.has("fog", "storm", "rain"):
        _beam(view, x, top - height * 0.055)


def _lantern(view: View, part: Callable[[], Stencil], x: float, top: float, height: float) -> None:
    dark = rgb(0.13, 0.13, 0.15)
    unit = height * 0.062
    room, iron = part(), part()
    room.box(x - unit * 0.72, top - unit * 1.6, x + unit * 0.72, top)
    iron.box(x - unit * 1.5, top - unit * 0.12, x + unit * 1.5, top + unit * 0.22)
    iron.polygon([(x - unit, top - unit * 1.6), (x, top - unit * 2.7), (x + unit, top - unit * 1.6)])
    iron.line(((x, top - unit * 2.6), (x, top - unit * 3.4)), unit * 0.14)
    for post in (-0.72, 0.0, 0.72):
        iron.line(((x + unit * post, top - unit * 1.6), (x + unit * post, top)), unit * 0.14)
    for rail in range(-5, 6):
        iron.line(((x + unit * 0.28 * rail, top), (x + unit * 0.28 * rail, top - unit * 0.55)), unit * 0.07)
    iron.line(((x - unit * 1.45, top - unit * 0.55), (x + unit * 1.45, top - unit * 0.55)), unit * 0.09)
    room.cover(LAMP if view.scheme.dark else rgb(0.75, 0.85, 0.9))
    iron.cover(dark + (view.scheme.sky.one(0.05) - dark) * 0.5)


def _beam(view: View, x: float, y: float) -> None:
    canvas = view.canvas
    dx, dy = canvas.x - x, canvas.y - y
    away = np.sqrt(dx * dx + dy * dy) + 1e-4
    tilt = -0.1
    for side in (-1.0, 1.0):
        along = side * dx + tilt * dy
        beside = np.abs(dy - side * tilt * dx) / (0.012 + 0.075 * along.clip(0, None))
        beam: Array = smoothstep(1.0, 0.1, beside) * smoothstep(0.0, 0.02, along) * exp(-along.clip(0, None) / 0.75)
        canvas.light(LAMP, beam * 0.55)
    canvas.light(LAMP, exp(-away / 0.05) * 0.9)
