"""Stained glass: cells around scattered points, each piece tilted a little, with lead between them."""

import math
from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, mix, smoothstep, soften
from emprops.connectors.local_engine.dice import Array, Dice

TILE = 48


def mosaic(canvas: Canvas, source: Array | None = None) -> Iterator[float]:
    """Render the style, in the colours of a picture if one is given; yields the share that is done."""
    points = _points(canvas, 1.0 if source is None else 0.5)
    yield 0.1
    tones, tilt = _glass(canvas, points)
    if source is not None:
        tones = _colours(canvas, points, source)
    texture = canvas.noise("ripple", 30.0, 3, 0.6) * 0.03 + canvas.noise("seed", 140.0, 2) * 0.014
    yield 0.15
    lead = 0.0016 + canvas.pixel * 0.6
    for top in range(0, canvas.height, TILE):
        for left in range(0, canvas.width, TILE):
            where = (slice(top, min(top + TILE, canvas.height)), slice(left, min(left + TILE, canvas.width)))
            _tile(canvas, where, points, tones, tilt, texture[where], lead)
        yield 0.15 + 0.75 * min(top + TILE, canvas.height) / canvas.height
    centre = smoothstep(0.75, 0.0, np.sqrt((canvas.x - canvas.right / 2) ** 2 + (canvas.y - canvas.bottom / 2) ** 2))
    canvas.light(canvas.palette.one(0.9), centre * 0.1)
    canvas.vignette(0.42)
    yield 0.95


def _colours(canvas: Canvas, points: Array, source: Array) -> Array:
    """The colour of a picture about each point."""
    smooth = np.stack([soften(source[..., band], canvas.short * 0.01) for band in range(3)], axis=2)
    column = (points[:, 0] * canvas.short).astype(int).clip(0, canvas.width - 1)
    row = (points[:, 1] * canvas.short).astype(int).clip(0, canvas.height - 1)
    return np.asarray(smooth[row, column] * 1.06)


def _points(canvas: Canvas, scale: float) -> Array:
    """Jittered rings around a focus: the cells grow outwards and lead the eye in."""
    dice = canvas.dice.fork("points")
    focus = np.array([canvas.right * dice.uniform(0.35, 0.65), canvas.bottom * dice.uniform(0.35, 0.65)])
    points, radius = [focus], 0.034
    while radius < canvas.right + canvas.bottom:
        width = (0.03 + 0.075 * radius) * (scale if scale == 1.0 else 0.03 / (0.03 + 0.075 * radius))
        count = max(5, int(2 * np.pi * radius / (width * 1.25)))
        turn = dice.uniform()
        for index in range(count):
            angle = 2 * np.pi * (index + turn + dice.uniform(-0.28, 0.28)) / count
            away = radius + width * dice.uniform(-0.3, 0.3)
            point = focus + away * np.array([math.cos(angle), math.sin(angle)])
            if -0.15 < point[0] < canvas.right + 0.15 and -0.15 < point[1] < canvas.bottom + 0.15:
                points.append(point)
        radius += width
    return np.array(points).astype(np.float32)


def _glass(canvas: Canvas, points: Array) -> tuple[Array, Array]:
    """The colour and the tilt of each piece."""
    dice: Dice = canvas.dice.fork("glass")
    away = np.sqrt(((points - points[0]) ** 2)[:, 0] + ((points - points[0]) ** 2)[:, 1])
    field = canvas.noise("field", 2.4, 2)
    column = (points[:, 0] * canvas.short).astype(int).clip(0, canvas.width - 1)
    row = (points[:, 1] * canvas.short).astype(int).clip(0, canvas.height - 1)
    tone = 0.92 - 0.74 * smoothstep(0.0, 0.95, away) + 0.2 * field[row, column]
    tone = tone + dice.many(len(points), low=-0.14, high=0.14)
    return canvas.palette.at(tone.clip(0.08, 0.97)), dice.many(len(points), 2, low=-1.0)


def _tile(
    canvas: Canvas, where: tuple[slice, slice], points: Array, tones: Array, tilt: Array, texture: Array, lead: float
) -> None:
    x, y = canvas.x[:, where[1]][0], canvas.y[where[0]][:, 0]
    middle = np.array([x[len(x) // 2], y[len(y) // 2]], dtype=np.float32)
    offset = points - middle
    enough = 44 if canvas.short < 400 else 28
    near = np.argsort(offset[:, 0] ** 2 + offset[:, 1] ** 2, kind="stable")[:enough]
    local = points[near]
    dx = x[None, :, None] - local[:, 0]
    dy = y[:, None, None] - local[:, 1]
    square = dx * dx + dy * dy
    first = square.argmin(axis=2)
    own = local[first]
    # Distance to the border with each neighbour: from the middle of the two points along their connection.
    to_x, to_y = local[:, 0] - own[..., 0:1], local[:, 1] - own[..., 1:2]
    length = np.sqrt(to_x * to_x + to_y * to_y)
    nearest = np.take_along_axis(square, first[..., None], axis=2)
    border = np.where(length > 1e-6, (square - nearest) / (2 * length.clip(1e-6, None)), np.inf).min(axis=2)
    piece = near[first]
    lean = tilt[piece]
    in_x, in_y = x[None, :] - own[..., 0], y[:, None] - own[..., 1]
    shine = (lean[..., 0] * in_x + lean[..., 1] * in_y) * 3.2 + texture
    bevel = smoothstep(0.016, 0.0, border - lead) * (-(in_x + in_y)) * 3.0
    colour = tones[piece] + (shine + bevel.clip(-0.16, 0.2))[..., None]
    glass = smoothstep(lead - canvas.pixel * 0.8, lead + canvas.pixel * 0.8, border)
    canvas.rgb[where] = mix(np.broadcast_to(canvas.palette.one(0.0) * 0.6, colour.shape), colour, glass)
