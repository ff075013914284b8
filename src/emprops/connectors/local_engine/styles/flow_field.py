"""Ribbons that follow a field of currents without ever touching."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from emprops.connectors.local_engine.canvas import Canvas, noise
from emprops.connectors.local_engine.dice import Dice

GRID = 320
"""Cells of the occupancy grid along the shorter side."""
STEP = 1.0 / GRID
WIDTHS = (0.004, 0.004, 0.007, 0.007, 0.012, 0.02, 0.03)
Point = tuple[float, float]


class Field:
    """The current at every point, and which ribbon lies there already."""

    def __init__(self, canvas: Canvas) -> None:
        self.columns, self.rows = math.ceil(canvas.right * GRID) + 1, math.ceil(canvas.bottom * GRID) + 1
        extent = (canvas.right, canvas.bottom)
        swirl = noise(canvas.dice.fork("swirl"), (self.columns, self.rows), extent, 1.3, 2, 0.3, 1.0)
        lean = canvas.dice.uniform(0, 2 * math.pi)
        self.angles: list[list[float]] = (lean + swirl * canvas.dice.uniform(1.2, 2.1)).tolist()
        self.taken: list[list[int]] = [[0] * self.columns for _ in range(self.rows)]

    def inside(self, x: float, y: float) -> bool:
        """Whether the point is on the grid."""
        return 0 <= x * GRID < self.columns and 0 <= y * GRID < self.rows

    def free(self, x: float, y: float, margin: float, owner: int) -> bool:
        """Whether no other ribbon comes within the margin."""
        reach = margin * GRID
        for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-0.7, -0.7), (-0.7, 0.7), (0.7, -0.7), (0.7, 0.7)):
            row, column = int(y * GRID + dy * reach), int(x * GRID + dx * reach)
            if 0 <= row < self.rows and 0 <= column < self.columns and self.taken[row][column] not in (0, owner):
                return False
        return True

    def take(self, points: list[Point], margin: float, owner: int) -> None:
        """Mark the ribbon's place."""
        reach = max(0, round(margin * GRID))
        for x, y in points:
            row, column = int(y * GRID), int(x * GRID)
            for at in range(max(0, row - reach), min(self.rows, row + reach + 1)):
                line = self.taken[at]
                for position in range(max(0, column - reach), min(self.columns, column + reach + 1)):
                    line[position] = owner


def flow_field(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice, palette = canvas.dice, canvas.palette
    dark = dice.chance(0.4)
    paper = palette.one(0.03) if dark else palette.one(0.97) * 0.5 + 0.48
    canvas.rgb[:] = paper
    canvas.rgb *= (1 + 0.018 * canvas.noise("paper", 90.0, 3, 0.7))[..., None]
    scale = 3 if canvas.short <= 1024 else 2
    picture = canvas.image().resize((canvas.width * scale, canvas.height * scale), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(picture)
    field, drift = Field(canvas), canvas.noise("tint", 1.4, 2)
    yield 0.1
    tries = int(5200 * canvas.right * canvas.bottom)
    for attempt in range(tries):
        # Wide ribbons first; the thin ones fill what is left.
        share = attempt / tries
        options = WIDTHS[4:] if share < 0.06 else WIDTHS[2:5] if share < 0.3 else WIDTHS[:3]
        width = dice.pick(options)
        start = (dice.uniform(0, canvas.right), dice.uniform(0, canvas.bottom))
        owner = attempt + 1
        points = _trace(field, start, width, owner, dice)
        if len(points) * STEP > 3 * width + 0.02:
            field.take(points, width * 0.5, owner)
            tint = float(drift[int(start[1] * canvas.short), int(start[0] * canvas.short)])
            _ribbon(pen, points, width, _colour(canvas, tint, dice, dark=dark), canvas.short * scale)
        if attempt % max(1, tries // 16) == 0:
            yield 0.1 + 0.7 * share
    drawn = picture.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    canvas.rgb[:] = np.asarray(drawn, dtype=np.float32) / 255
    yield 0.85
    canvas.rgb *= (1 + 0.02 * canvas.noise("fibre", 160.0, 2, 0.7))[..., None]
    canvas.vignette(0.14)
    yield 0.95


def _trace(field: Field, start: Point, width: float, owner: int, dice: Dice) -> list[Point]:
    if not field.free(*start, width * 0.5 + 0.004, owner):
        return []
    limit = int(dice.uniform(0.12, 0.75) * GRID)
    halves = [_half(field, start, width, owner, limit, direction) for direction in (-1.0, 1.0)]
    return [*reversed(halves[0]), start, *halves[1]]


def _half(field: Field, start: Point, width: float, owner: int, limit: int, direction: float) -> list[Point]:
    points: list[Point] = []
    x, y = start
    margin = width * 0.5 + 0.005
    for _ in range(limit):
        if not field.inside(x, y):
            break
        angle = field.angles[int(y * GRID)][int(x * GRID)]
        x, y = x + math.cos(angle) * STEP * direction, y + math.sin(angle) * STEP * direction
        if not (field.inside(x, y) and field.free(x, y, margin, owner)):
            break
        points.append((x, y))
    return points


def _colour(canvas: Canvas, tint: float, dice: Dice, *, dark: bool) -> tuple[int, int, int]:
    if dice.chance(0.12):
        colour = dice.pick(canvas.palette.accents)
    else:
        low, high = (0.3, 0.98) if dark else (0.05, 0.84)
        middle = (low + high) / 2
        share = middle + 0.3 * tint + dice.uniform(-0.17, 0.17)
        colour = canvas.palette.one(min(max(share, low), high))
    red, green, blue = (round(float(part) * 255) for part in colour)
    return red, green, blue


def _ribbon(
    pen: ImageDraw.ImageDraw, points: list[Point], width: float, colour: tuple[int, int, int], scale: int
) -> None:
    line = [(x * scale, y * scale) for x, y in points[::2]]
    thick = max(2, round(width * scale))
    pen.line(line, fill=colour, width=thick, joint="curve")
    radius = thick / 2
    for x, y in (line[0], line[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
