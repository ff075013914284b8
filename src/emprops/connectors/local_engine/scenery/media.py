"""Scenes in another medium: as stained glass, or in watercolour."""

from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, rgb, sample, smoothstep, soften
from emprops.connectors.local_engine.dice import Array
from emprops.connectors.local_engine.styles.mosaic import mosaic

PAPER = rgb(0.972, 0.958, 0.93)


def in_glass(canvas: Canvas) -> Iterator[float]:
    """Turn the picture into stained glass of its colours."""
    yield from mosaic(canvas, canvas.rgb.copy())


def in_watercolour(canvas: Canvas) -> Iterator[float]:
    """Turn the picture into a watercolour: its colours run, dry darker at edges, and leave the paper's rim white."""
    source = canvas.rgb.clip(0, 1)
    run_x = (canvas.noise("run x", 7.0, 4, 0.55) * 0.012 + canvas.noise("bleed x", 40.0, 2) * 0.003) * canvas.short
    run_y = (canvas.noise("run y", 7.0, 4, 0.55) * 0.012 + canvas.noise("bleed y", 40.0, 2) * 0.003) * canvas.short
    rows, columns = np.arange(canvas.height)[:, None] + run_y, np.arange(canvas.width)[None, :] + run_x
    rows, columns = rows.clip(0, canvas.height - 1.01), columns.clip(0, canvas.width - 1.01)
    yield 0.3
    wet: Array = np.stack(
        [sample(soften(source[..., band], canvas.short * 0.006), columns, rows) for band in range(3)], axis=2
    )
    yield 0.6
    grey = wet @ rgb(0.3, 0.59, 0.11)
    dried = (soften(grey, canvas.short * 0.008) - grey).clip(0, 0.2)
    tooth = canvas.noise("tooth", 170.0, 3, 0.7)
    pools = canvas.noise("pools", 3.0, 5, 0.55)
    density = (0.86 + 0.1 * pools + 0.05 * tooth).clip(0, 1)
    edge = np.minimum(np.minimum(canvas.x, canvas.right - canvas.x), np.minimum(canvas.y, canvas.bottom - canvas.y))
    inside = smoothstep(0.035, 0.06, edge + 0.02 * canvas.noise("rim", 5.0, 5, 0.55))
    rim = smoothstep(0.02, 0.0, np.abs(edge - 0.052 + 0.02 * canvas.noise("rim", 5.0, 5, 0.55))) * 0.12
    painted = PAPER + (wet - PAPER) * density[..., None]
    painted = painted * (1 - 1.4 * dried - rim)[..., None]
    canvas.rgb[:] = PAPER + (painted - PAPER) * inside[..., None]
    canvas.rgb *= (1 + 0.014 * tooth)[..., None]
    yield 0.95
