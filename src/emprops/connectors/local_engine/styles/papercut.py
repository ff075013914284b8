"""Sheets of coloured paper with cut-outs, each throwing a shadow on the one below."""

from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, smoothstep, soften
from emprops.connectors.local_engine.dice import Array

SHEETS = 9


def papercut(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    centre_x, centre_y = canvas.right * dice.uniform(0.38, 0.62), canvas.bottom * dice.uniform(0.38, 0.62)
    dx, dy = (canvas.x - centre_x) / canvas.right**0.7, (canvas.y - centre_y) / canvas.bottom**0.7
    distance = np.sqrt(dx * dx + dy * dy)
    yield 0.05
    terrain = distance * 1.75 + canvas.noise("terrain", 2.3, 2, 0.35) * 0.24
    fibre = canvas.noise("fibre", 220.0, 2, 0.7) * 0.012 + canvas.noise("blotch", 6.0, 3) * 0.008
    yield 0.15
    light_inside = dice.chance(0.6)
    slope_y, slope_x = np.gradient(terrain)
    slope = np.sqrt(slope_x**2 + slope_y**2).clip(1e-5, None).astype(np.float32)
    canvas.rgb[:] = canvas.palette.one(_tone(0, light_inside=light_inside))
    canvas.rgb += fibre[..., None]
    for sheet in range(1, SHEETS):
        wobble = canvas.noise(("sheet", sheet), 2.9, 2, 0.35) * 0.035
        level = 0.12 + 1.12 * (sheet / SHEETS) ** 0.9
        _sheet(canvas, (terrain + wobble - level) / slope, fibre, _tone(sheet, light_inside=light_inside))
        yield 0.15 + 0.75 * sheet / (SHEETS - 1)
    canvas.vignette(0.18)
    yield 0.95


def _tone(sheet: int, *, light_inside: bool) -> float:
    share = sheet / (SHEETS - 1)
    return 0.99 - 0.92 * share if light_inside else 0.06 + 0.9 * share


def _sheet(canvas: Canvas, pixels_inside: Array, fibre: Array, tone: float) -> None:
    paper = smoothstep(-0.75, 0.75, pixels_inside)
    for reach, offset, strength in ((0.03, 0.022, 0.42), (0.008, 0.006, 0.3)):
        blurred = soften(paper, reach * canvas.short)
        shift = max(1, round(offset * canvas.short))
        # The light comes from the upper left.
        fallen = np.empty_like(blurred)
        fallen[shift:, shift:] = blurred[:-shift, :-shift]
        fallen[:shift, :], fallen[:, :shift] = blurred[:shift, :], blurred[:, :shift]
        canvas.shade(fallen.clip(0, 1) * strength)
    colour = canvas.palette.one(tone)[None, None, :] + fibre[..., None]
    rim = smoothstep(3.2, 0.4, np.abs(pixels_inside - 1.2)) * 0.11
    canvas.rgb += (colour + rim[..., None] - canvas.rgb) * paper[..., None]
