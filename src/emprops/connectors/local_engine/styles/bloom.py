"""A flower in full bloom, seen from above: rings of petals, each in the shade of the next."""

import math
from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, atan2, exp, mix, power, sin, smoothstep
from emprops.connectors.local_engine.dice import Array, Dice

RINGS = 9


def bloom(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    centre = (canvas.right * dice.uniform(0.45, 0.55), canvas.bottom * dice.uniform(0.45, 0.55))
    _ground(canvas, centre)
    yield 0.1
    size, count = dice.uniform(0.39, 0.43), dice.integer(13, 18)
    point = dice.uniform(0.0, 1.0)
    veins = canvas.noise("veins", 60.0, 3, 0.6)
    for ring in range(RINGS):
        share = ring / (RINGS - 1)
        length = size * (1 - share) ** 0.85 + 0.035
        petals = max(6, round(count * (1 - 0.5 * share)))
        turn = ring * 2.399963 + dice.uniform(0, 0.2)
        for index in range(petals):
            angle = turn + 2 * math.pi * (index + dice.uniform(-0.13, 0.13)) / petals
            reach = length * dice.uniform(0.92, 1.06)
            width = reach * min(0.62, 2.35 / petals * (1 + 0.9 * share))
            _petal(canvas, centre, angle, (reach, width), (share, point), veins, dice)
            yield 0.1 + 0.75 * (ring + (index + 1) / petals) / RINGS
    _heart(canvas, centre)
    canvas.vignette(0.3)
    yield 0.95


def _ground(canvas: Canvas, centre: tuple[float, float]) -> None:
    distance = np.sqrt((canvas.x - centre[0]) ** 2 + (canvas.y - centre[1]) ** 2)
    drift = canvas.noise("ground", 1.8, 4)
    canvas.rgb[:] = canvas.palette.at(0.03 + 0.15 * exp(-distance / 0.55) + 0.025 * drift)
    dice = canvas.dice.fork("bokeh")
    for _ in range(14):
        x, y, radius = dice.uniform(0, canvas.right), dice.uniform(0, canvas.bottom), dice.uniform(0.02, 0.09)
        where = canvas.box(x, y, radius * 1.4)
        away = np.sqrt((canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2)
        disc = smoothstep(radius * 1.25, radius * 0.75, away)
        canvas.light(canvas.palette.one(dice.uniform(0.3, 0.6)), disc * dice.uniform(0.05, 0.16), where)


def _petal(
    canvas: Canvas,
    centre: tuple[float, float],
    angle: float,
    size: tuple[float, float],
    kind: tuple[float, float],
    veins: Array,
    dice: Dice,
) -> None:
    reach, width = size
    share, point = kind
    middle = (centre[0] + math.cos(angle) * reach * 0.5, centre[1] + math.sin(angle) * reach * 0.5)
    wide, high = (
        abs(part) * reach * 0.5 + abs(across) * width * 1.05 + 0.02
        for part, across in ((math.cos(angle), math.sin(angle)), (math.sin(angle), math.cos(angle)))
    )
    where = (canvas.box(*middle, high)[0], canvas.box(*middle, wide)[1])
    dx, dy = canvas.x[:, where[1]] - centre[0], canvas.y[where[0]] - centre[1]
    along = (dx * math.cos(angle) + dy * math.sin(angle)) / reach
    across = (dy * math.cos(angle) - dx * math.sin(angle)) / width
    inside = along.clip(0, 1)
    # Half the width along the petal: narrow at the heart, full at two thirds, round or pointed at the tip.
    tip = np.sqrt((1 - inside).clip(0, None)) * (1 - point) + power(1 - inside, np.array(0.75)) * point
    outline = (0.16 + 1.25 * inside) * tip * 0.92
    gap = (outline - np.abs(across)) * width
    gap = np.where((along > 0) & (along < 1), gap, -np.float32(1.0))
    soft = smoothstep(-0.022 * (0.4 + reach), 0.012, gap) * smoothstep(0.0, 0.35, along)
    canvas.shade(soft * 0.34, where)
    mask = smoothstep(-canvas.pixel * 0.8, canvas.pixel * 0.8, gap)
    side = across / outline.clip(0.05, None)
    cup = 1 - 0.32 * side**2
    tone = 0.2 + 0.5 * inside**1.3 * cup + 0.2 * share + dice.uniform(-0.035, 0.035)
    tone = tone + 0.035 * sin(side * 26) * inside * (1 - inside) + 0.018 * veins[where]
    edge = smoothstep(0.013, 0.0, gap) * inside
    tone = tone + 0.15 * edge - 0.16 * smoothstep(0.4, 0.0, inside)
    colour = canvas.palette.at(tone.clip(0.05, 0.98))
    # Light from the upper left: petals that point there are brighter.
    facing = 0.5 + 0.5 * math.cos(angle + 2.3)
    canvas.cover(mix(colour * 0.84, colour, np.full(mask.shape, facing, np.float32)), mask, where)


def _heart(canvas: Canvas, centre: tuple[float, float]) -> None:
    where = canvas.box(*centre, 0.12)
    dx, dy = canvas.x[:, where[1]] - centre[0], canvas.y[where[0]] - centre[1]
    distance = np.sqrt(dx * dx + dy * dy)
    dots = sin(atan2(dy, dx) * 21 + distance * 900) * sin(distance * 620)
    glow = power(np.asarray((1 - distance / 0.12).clip(0, 1)), np.array(2.0))
    canvas.light(canvas.palette.one(0.88), glow * 0.42, where)
    disc = smoothstep(0.034, 0.03, distance)
    canvas.cover(canvas.palette.at((0.5 + 0.3 * dots).clip(0, 1)), disc * 0.85, where)
