"""Weather in front of everything: fog, rain, falling snow."""

import math

import numpy as np

from emprops.connectors.local_engine.canvas import rgb, smoothstep
from emprops.connectors.local_engine.scenery.stencil import Stencil
from emprops.connectors.local_engine.scenery.view import View


def paint_fog(view: View) -> None:
    """Banks of fog about the horizon."""
    canvas = view.canvas
    drift = canvas.noise("fog", 2.0, 5, 0.55, stretch=3.5)
    low = smoothstep(view.horizon - 0.42, view.horizon + 0.02, canvas.y) * smoothstep(
        canvas.bottom + 0.25, view.horizon, canvas.y
    )
    amount = (low * (0.62 + 0.34 * drift)).clip(0, 0.9)
    canvas.cover(view.scheme.far(), amount)


def paint_rain(view: View) -> None:
    """Slanting rain in three distances."""
    canvas, dice = view.canvas, view.dice.fork("rain")
    lean = 0.34 if view.has("storm", "wind") else 0.16
    slope = math.atan(lean)
    for width, length, count, strength in (
        (0.0011, 0.05, 520, 0.26),
        (0.0016, 0.09, 300, 0.32),
        (0.0024, 0.15, 90, 0.36),
    ):
        drops = Stencil(canvas, 0, 0, canvas.right, canvas.bottom)
        for _ in range(int(count * canvas.right * canvas.bottom)):
            x, y, reach = (
                dice.uniform(-0.1, canvas.right + 0.1),
                dice.uniform(-0.1, canvas.bottom),
                length * dice.uniform(0.6, 1.2),
            )
            end = (x - math.sin(slope) * reach, y + math.cos(slope) * reach)
            drops.line(((x, y), end), max(width, 0.7 * canvas.pixel), dice.integer(120, 255))
        drops.light(view.scheme.sky.one(0.9), strength)
    veil = smoothstep(view.horizon - 0.3, view.horizon + 0.1, canvas.y) * 0.22
    canvas.cover(view.scheme.far(), veil * np.ones_like(canvas.x))


def paint_snowfall(view: View) -> None:
    """Flakes in four distances, the nearest out of focus."""
    canvas, dice = view.canvas, view.dice.fork("snow")
    white = rgb(0.98, 0.99, 1.0)
    for size, count, blur, strength in (
        (0.0018, 900, 0.0, 0.75),
        (0.003, 420, 0.0, 0.85),
        (0.0052, 120, 0.0022, 0.9),
        (0.011, 22, 0.007, 0.6),
    ):
        flakes = Stencil(canvas, 0, 0, canvas.right, canvas.bottom)
        for _ in range(int(count * canvas.right * canvas.bottom)):
            radius = max(size * dice.uniform(0.6, 1.15), 0.6 * canvas.pixel)
            flakes.disc(dice.uniform(0, canvas.right), dice.uniform(0, canvas.bottom), radius, dice.integer(130, 255))
        flakes.cover(white, strength, blur)
