"""The sky and what is in it: gradient, stars, sun and moon, clouds, polar light, a rainbow."""

import numpy as np

from emprops.connectors.local_engine.canvas import exp, mix, power, rgb, smoothstep, soften
from emprops.connectors.local_engine.dice import Array
from emprops.connectors.local_engine.palettes import named
from emprops.connectors.local_engine.scenery.stencil import Stencil
from emprops.connectors.local_engine.scenery.view import View


def paint_sky(view: View) -> None:
    """Fill the picture with the sky's gradient; below the horizon it goes on as its foot."""
    canvas, scheme = view.canvas, view.scheme
    height = (canvas.y / view.horizon).clip(0, 1)
    rise = 0.35 * height + 0.65 * height**2.2
    drift = canvas.noise("sky", 1.3, 3, stretch=3.0) * 0.022
    canvas.rgb[:] = scheme.sky.at(scheme.zenith + (scheme.horizon - scheme.zenith) * rise + drift)


def paint_stars(view: View) -> None:
    """Scatter stars, denser along a band."""
    canvas, dice = view.canvas, view.dice.fork("stars")
    asked = view.has("stars")
    count = int((900 if asked else 340) * canvas.right * view.horizon)
    white = rgb(1.0, 0.98, 0.93)
    if asked:
        lean = canvas.x * 0.75 + canvas.y - (0.5 * canvas.right + 0.25 * view.horizon)
        band = exp(-((lean / 0.17) ** 2)) * (0.62 + 0.5 * canvas.noise("milky way", 4.0, 5, 0.6))
        canvas.light(view.scheme.sky.one(0.72), band.clip(0, 1) * 0.34 * smoothstep(view.horizon, 0.0, canvas.y))
    for _ in range(count):
        x, y = dice.uniform(0, canvas.right), view.horizon * dice.uniform() ** 1.25
        brightness = dice.uniform() ** 6
        size = max(0.0007 + 0.0017 * brightness, 0.55 * canvas.pixel)
        where = canvas.box(x, y, size * 3 + canvas.pixel)
        square = (canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2
        fade = min(1.0, 1.6 * (1 - y / view.horizon))
        canvas.light(white, exp(-square / size**2) * (0.22 + 0.78 * brightness) * fade, where)


def paint_meteor(view: View) -> None:
    """One shooting star."""
    canvas, dice = view.canvas, view.dice.fork("meteor")
    x, y = canvas.right * dice.uniform(0.5, 0.8), view.horizon * dice.uniform(0.18, 0.34)
    length = 0.34
    steps = 40
    trail = Stencil(canvas, x - length, y - 0.02, x + 0.02, y + length * 0.5)
    for step in range(steps):
        share = step / steps
        start, end = ((x - length * at, y + 0.42 * length * at) for at in (share, share + 1.4 / steps))
        trail.line((end, start), 0.0045 * (0.25 + 0.75 * share), round(255 * share**1.5))
    head = (x - length, y + 0.42 * length)
    trail.disc(*head, 0.0042)
    trail.light(rgb(1, 1, 1), 0.95)
    trail.light(view.scheme.sky.one(0.9), 0.8, blur=0.012)


def paint_sun(view: View) -> None:
    """A low or high sun with its glow."""
    canvas, scheme = view.canvas, view.scheme
    x, y = view.light
    distance = np.sqrt((canvas.x - x) ** 2 + (canvas.y - y) ** 2)
    warm = scheme.sky.one(0.95) * 0.6 + rgb(0.4, 0.36, 0.27)
    canvas.light(warm, exp(-distance / 0.3) * 0.5 + exp(-distance / 0.075) * 0.45)
    if scheme.time == "day":
        canvas.light(rgb(1.0, 0.97, 0.86), exp(-distance / 0.055))
    radius = 0.04 if scheme.time == "day" else 0.062
    disc = smoothstep(radius + canvas.pixel, radius - canvas.pixel, distance)
    canvas.cover(rgb(1.0, 0.985, 0.93), disc)


def paint_moon(view: View) -> None:
    """A full moon with its seas, or a crescent."""
    canvas, scheme = view.canvas, view.scheme
    x, y = view.light
    radius = 0.085 if view.has("moon") and not view.has("crescent") else 0.07
    where = canvas.box(x, y, radius * 8)
    dx, dy = (canvas.x[:, where[1]] - x) / radius, (canvas.y[where[0]] - y) / radius
    away = np.sqrt(dx * dx + dy * dy)
    tint = view.reading.tints.get("moon") or view.reading.tints.get("crescent")
    pale = rgb(0.97, 0.95, 0.88)
    pale = named(tint).one(0.72) if tint else pale
    glow = exp(-(away - 1).clip(0, None) / 1.5) * smoothstep(8.0, 3.0, away)
    if view.has("crescent"):
        glow = glow * (0.35 + 0.65 * smoothstep(0.9, 1.1, away))
    canvas.light(scheme.sky.one(0.8) * 0.6 + pale * 0.4, glow * 0.5, where)
    seas = canvas.noise("seas", 0.55 / radius, 4, 0.55, where=where)
    face = pale * (1 - 0.17 * smoothstep(-0.1, 0.75, seas)[..., None]) * (1 - 0.13 * (away.clip(0, 1) ** 2)[..., None])
    edge = canvas.pixel / radius
    disc = smoothstep(1 + edge, 1 - edge, away)
    if view.has("crescent"):
        hidden = np.sqrt((dx - 0.42) ** 2 + (dy + 0.18) ** 2)
        disc = disc * smoothstep(0.9 - edge, 0.9 + edge, hidden)
    canvas.cover(face, disc, where)


def paint_clouds(view: View) -> None:
    """Heaped clouds in fair weather, a torn and heavy ceiling in bad weather."""
    if view.has("storm", "rain"):
        _ceiling(view)
        return
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("clouds")
    asked = view.has("clouds")
    heaps = Stencil(canvas, 0, 0, canvas.right, view.horizon)
    for _ in range(int((7 if asked else 3) * max(1.0, canvas.right)) + 1):
        height = dice.uniform(0.16, 0.86)
        x, y = dice.uniform(-0.05, canvas.right + 0.05), view.horizon * height
        width = dice.uniform(0.1, 0.26) * (1.15 - 0.7 * height) * (1.35 if asked else 1.0)
        for _ in range(16):
            at = dice.uniform(-1, 1)
            size = width * dice.uniform(0.16, 0.34) * (1.1 - 0.6 * abs(at))
            heaps.disc(x + at * width, y - size * dice.uniform(0.35, 1.0), size, 235, tall=0.8)
        heaps.disc(x, y, width * 1.05, 200, tall=0.1)
    rows = heaps.where
    mask = heaps.coverage(0.012)
    billow = canvas.noise("billow", 9.0, 5, 0.55, where=rows)
    cover = smoothstep(0.3, 0.62, mask + 0.24 * billow * smoothstep(0.0, 0.25, mask))
    thick = soften(cover, canvas.short * 0.03)
    step = max(1, round(canvas.short * 0.03))
    above = np.zeros_like(thick)
    above[step:] = thick[:-step]
    lit = (1.0 - 0.85 * above + 0.22 * billow).clip(0, 1)
    bright = scheme.sky.one(min(0.99, scheme.horizon + 0.1))
    dim = scheme.sky.one(0.5 * (scheme.zenith + scheme.horizon))
    if scheme.time == "day":
        bright, dim = bright * 0.2 + 0.8, scheme.sky.one(0.66)
    canvas.cover(mix(dim, bright, lit), cover * (0.94 if asked else 0.85), rows)


def _ceiling(view: View) -> None:
    canvas, scheme = view.canvas, view.scheme
    rows = (slice(0, min(canvas.height, int(view.horizon * canvas.short) + 1)), slice(0, canvas.width))
    height = (canvas.y[rows[0]] / view.horizon).clip(0, 1)
    shape = canvas.noise("ceiling", 2.2, 6, 0.55, stretch=2.0, where=rows)
    lower = canvas.noise("rags", 4.5, 5, 0.6, stretch=3.0, where=rows)
    lit = (0.45 + 0.42 * shape + 0.2 * lower * height).clip(0, 1)
    cover = smoothstep(1.05, 0.45, height + 0.22 * lower)
    canvas.cover(mix(scheme.sky.one(0.06), scheme.sky.one(0.72), lit), cover * 0.92, rows)


def paint_aurora(view: View) -> None:
    """Curtains of polar light."""
    canvas, horizon = view.canvas, view.horizon
    tint = view.reading.tints.get("aurora")
    palette = view.scheme.sky if view.reading.palette else named(tint or "northern")
    rows = (slice(0, min(canvas.height, int(horizon * canvas.short) + 1)), slice(0, canvas.width))
    y = canvas.y[rows[0]]
    for index in range(4):
        dice = view.dice.fork("curtain", index)
        foot = horizon * (0.44 + 0.14 * index)
        edge = foot + (canvas.curve(("sway", index), 1.1, 2, 0.4) * 0.1 + canvas.curve(("fold", index), 6.0, 3) * 0.03)
        rays = (0.62 + 0.5 * canvas.curve(("rays", index), 20.0, 4, 0.62)).clip(0.05, None)
        veil = smoothstep(-1.0, 0.35, canvas.curve(("veil", index), 1.6, 2))
        reach = (0.2 + 0.1 * canvas.curve(("reach", index), 8.0, 3)).clip(0.06, None) * horizon * 1.5
        above = (edge * horizon / 0.62)[None, :] - y
        glow = np.where(above > 0, exp(-above.clip(0, None) / reach[None, :]), exp(-((above / 0.014) ** 2)))
        glow = (glow * (rays * veil)[None, :] * dice.uniform(0.6, 1.0)).astype(np.float32)
        rise = (above / (reach * 2.4)[None, :]).clip(0, 1)
        canvas.light(mix(palette.one(0.8), palette.one(0.42), rise), glow * 1.1, rows)
        canvas.light(palette.one(0.62), soften(glow, canvas.short * 0.05) * 0.45, rows)


def paint_rainbow(view: View) -> None:
    """An arc of colours, faint, in front of the far land."""
    canvas = view.canvas
    x, radius = canvas.right * view.dice.fork("rainbow").uniform(0.35, 0.65), 0.62 * max(canvas.right * 0.72, 0.7)
    distance = np.sqrt((canvas.x - x) ** 2 + (canvas.y - view.horizon * 1.12) ** 2)
    position = (distance - radius) / 0.075
    inside = smoothstep(0.0, 0.12, position) * smoothstep(1.0, 0.86, position) * smoothstep(0.0, 0.1, canvas.y)
    bands: Array = np.array(
        [
            [0.45, 0.2, 0.75],
            [0.2, 0.35, 0.95],
            [0.15, 0.75, 0.45],
            [0.98, 0.9, 0.25],
            [1.0, 0.55, 0.15],
            [0.95, 0.2, 0.2],
        ],
        dtype=np.float32,
    )
    at = position.clip(0, 1) * (len(bands) - 1)
    left = np.minimum(at.astype(np.intp), len(bands) - 2)
    colour = mix(bands[left], bands[left + 1], (at - left).astype(np.float32))
    canvas.light(colour, inside * 0.72)
    canvas.light(rgb(1, 1, 1), power(smoothstep(1.0, 0.2, distance / radius), np.array(1.5)) * 0.07)
