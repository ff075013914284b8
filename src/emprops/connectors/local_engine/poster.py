"""A quiet ground for words that nothing can be drawn for: a gradient, and discs of it cut out of each other."""

from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, smoothstep, soften


def poster(canvas: Canvas) -> Iterator[float]:
    """Paint the ground; yields the share that is done."""
    dice, palette = canvas.dice.fork("poster"), canvas.palette
    slope = (canvas.y / canvas.bottom + 0.35 * (canvas.x / canvas.right - 0.5)).clip(0, 1)
    low, high = 0.05, dice.uniform(0.3, 0.42)
    canvas.rgb[:] = palette.at(low + (high - low) * slope**1.6 + 0.02 * canvas.noise("ground", 1.4, 3))
    yield 0.3
    x, y = canvas.right * dice.uniform(0.62, 0.98), canvas.bottom * dice.pick((0.02, 0.95))
    away = np.sqrt((canvas.x - x) ** 2 + (canvas.y - y) ** 2)
    rings = 5
    for ring in range(rings):
        radius = 0.86 - 0.155 * ring
        disc = smoothstep(radius + canvas.pixel, radius - canvas.pixel, away)
        shadow = soften(disc, canvas.short * 0.03)
        canvas.shade(shadow * 0.1)
        tone = palette.at(
            (0.2 + 0.62 * ring / (rings - 1)) + 0.07 * (away / radius - 0.5) + 0.015 * canvas.noise(ring, 2.0, 3)
        )
        canvas.cover(tone, disc * 0.9)
        yield 0.3 + 0.12 * (ring + 1)
    canvas.vignette(0.22)
    yield 0.95
