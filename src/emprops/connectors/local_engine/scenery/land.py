"""Land in layers, from the far to the near: mountains, hills and meadows, dunes, beaches, islands."""

import numpy as np

from emprops.connectors.local_engine.canvas import exp, mix, rgb, smoothstep, soften
from emprops.connectors.local_engine.dice import Array
from emprops.connectors.local_engine.scenery.view import View

RIDGES = 6


def paint_mountains(view: View) -> None:
    """Ranges behind each other, paler with distance; snow on the high ones by day and in winter."""
    canvas, horizon = view.canvas, view.horizon
    snowy = view.has("winter") or (view.scheme.time in ("day", "dawn") and not view.has("desert", "autumn"))
    watery = view.has("sea", "lake", "city")
    for index in range(RIDGES):
        near = index / (RIDGES - 1)
        base = horizon + (0.02 if watery else view.depth * 0.5) * near**1.3
        rough = canvas.curve(("ridge", index), 2.2 + 1.5 * near, 8, 0.48)
        peaks = np.abs(canvas.curve(("peak", index), 3.2, 5, 0.5))
        rise = 0.2 * (1 - near) ** 0.6 + 0.06
        crest = base - (0.62 + 0.9 * rough - 0.62 * peaks) * rise
        _ridge(view, index, near * (0.7 if watery else 0.86), crest, base, snowy=snowy and near < 0.5)


def _ridge(view: View, index: int, near: float, crest: Array, base: float, *, snowy: bool) -> None:
    canvas, scheme = view.canvas, view.scheme
    where = view.rows_from(float(crest.min()) - 0.01)
    y = canvas.y[where[0]]
    depth = y - crest[None, :]
    rock = canvas.noise(("rock", index), 13.0, 5, 0.6, where=where)
    slope = np.gradient(soften(crest[None, :] + 1, canvas.short * 0.016)[0]).astype(np.float32) / canvas.pixel
    side = -slope if view.light[0] > canvas.right / 2 else slope
    # Faces run down the mountain askew: the further below the crest, the further aside its slope is read.
    askew = (1.1 * canvas.noise(("askew", index), 2.6, 2, 0.4, where=where) + 0.12 * rock) * depth.clip(0, 0.14)
    column = (np.arange(canvas.width)[None, :] + askew * canvas.short).clip(0, canvas.width - 1).astype(np.intp)
    lit = (0.5 - 0.6 * side[column]).clip(0, 1) + 0.15 * rock
    tone = scheme.layer(0.34 + 0.1 * near, near)
    colour = tone * (0.87 + 0.27 * lit * (1 - 0.7 * scheme.gloom) * (1 - 0.6 * near))[..., None]
    if snowy:
        height = base - y
        line = 0.075 + 0.02 * rock + 0.035 * canvas.curve(("line", index), 7.0, 5, 0.6)[None, :] + 0.05 * (0.5 - lit)
        snow = smoothstep(line - 0.006, line + 0.012, height)
        white = scheme.sky.one(0.97) * (0.55 + 0.45 * lit.clip(0, 1))[..., None]
        white = white + (scheme.far() - white) * 0.45 * (1 - near)
        colour = mix(colour, white, (snow * (1 - 0.6 * scheme.gloom)).clip(0, 1))
    mist = smoothstep(0.0, 0.2 + 0.1 * near, depth) * (0.7 - 0.5 * near)
    mist = mist * (1 + 0.3 * canvas.noise(("mist", index), 4.0, 3, stretch=4.0, where=where))
    colour = mix(colour, scheme.far(), mist.clip(0, 1))
    canvas.cover(colour, (depth / canvas.pixel + 0.5).clip(0, 1), where)


def paint_hills(view: View, start: float, *, layers: int = 4, end: float | None = None) -> None:
    """Rolling ground from a height to the lower edge: meadows, or fields of snow."""
    canvas, scheme = view.canvas, view.scheme
    end = canvas.bottom if end is None else end
    snowy = view.has("winter", "snow")
    for index in range(layers):
        near = 0.35 + 0.65 * index / max(1, layers - 1)
        base = start + (end - start) * (index / layers) ** 1.35
        swell = 0.05 * (0.5 + near)
        crest = base + (canvas.curve(("hill", index), 0.9 + 0.5 * near, 2, 0.35) - 0.1) * swell
        where = view.rows_from(float(crest.min()) - 0.01)
        depth = (canvas.y[where[0]] - crest[None, :]).clip(-1, None)
        grass = canvas.noise(("grass", index), 26.0 / (0.4 + near), 4, 0.62, stretch=3.0, where=where)
        patches = canvas.noise(("patch", index), 2.2, 3, stretch=2.5, where=where)
        light = exp(-depth.clip(0, None) / 0.09)
        if snowy:
            tone = 0.78 + 0.13 * light + 0.02 * grass + 0.045 * patches - 0.09 * smoothstep(0.02, 0.4, depth)
        else:
            tone = 0.4 + 0.13 * light + 0.05 * grass * near + 0.06 * patches - 0.12 * smoothstep(0.05, 0.5, depth)
        body = scheme.land.at(tone.clip(0, 1))
        body = body + (scheme.far() - body) * np.float32(0.62 * (1 - near) ** 1.3)
        shade = scheme.silhouette(near * (0.55 if snowy else 0.9))[None, None, :] * (1 + 0.5 * light)[..., None]
        body = body + (shade - body) * np.float32(scheme.dimming(near) * (0.55 if snowy else 0.9))
        canvas.cover(body, (depth / canvas.pixel + 0.5).clip(0, 1), where)


def paint_strip(view: View, top: float) -> None:
    """Low far land, such as the other side of a lake."""
    canvas = view.canvas
    crest = top - 0.012 * canvas.curve("strip", 2.0, 4, 0.5)
    where = view.rows_from(float(crest.min()) - 0.01)
    depth = canvas.y[where[0]] - crest[None, :]
    colour = view.scheme.layer(0.3, 0.55) if not view.has("winter") else view.scheme.layer(0.82, 0.5)
    canvas.cover(colour, (depth / canvas.pixel + 0.5).clip(0, 1), where)


def paint_dunes(view: View) -> None:
    """Dunes with one side in the light, and ripples in the sand."""
    canvas, scheme = view.canvas, view.scheme
    for index in range(5):
        near = 0.25 + 0.75 * index / 4
        base = view.horizon + view.depth * (index / 5) ** 1.4
        swing = canvas.curve(("dune", index), 0.8 + 0.4 * near, 2, 0.3)
        crest = base + (1.3 * np.abs(swing) - 0.6) * -(0.05 + 0.1 * near)
        where = view.rows_from(float(crest.min()) - 0.01)
        depth = (canvas.y[where[0]] - crest[None, :]).clip(-1, None)
        # The sharp edge runs down the face and parts light from shadow.
        wander = canvas.noise(("face", index), 1.2, 2, 0.4, stretch=0.8, where=where)
        toward = 1.0 if view.light[0] < canvas.right / 2 else -1.0
        slope = np.gradient(swing).astype(np.float32) / canvas.pixel
        facing = toward * slope[None, :] * 0.8 + wander * 0.55 - 1.4 * depth
        lit = smoothstep(-0.1, 0.1, facing)
        ripple = canvas.noise(("ripple", index), 60.0 / (0.3 + near), 2, 0.6, stretch=7.0, where=where)
        tone = 0.36 + 0.33 * lit + 0.022 * ripple * near + 0.05 * wander + 0.07 * exp(-depth.clip(0, None) / 0.02) * lit
        body = scheme.land.at(tone.clip(0, 1))
        shade = scheme.sky.one(0.08)
        body = (
            body
            + (shade - body) * (scheme.gloom * (0.82 - 0.42 * (1 - 0.75 * (scheme.time == "night")) * lit))[..., None]
        )
        air = np.float32(0.5 * (1 - near) ** 1.2)
        canvas.cover(body + (scheme.far() - body) * air, (depth / canvas.pixel + 0.5).clip(0, 1), where)


def paint_beach(view: View) -> None:
    """Sand along the lower edge, wet where the last wave was."""
    canvas, scheme = view.canvas, view.scheme
    edge = view.horizon + view.depth * 0.7 + canvas.curve("shore", 0.9, 3, 0.4) * 0.045
    where = view.rows_from(float(edge.min()) - 0.05)
    depth = canvas.y[where[0]] - edge[None, :]
    sand = scheme.sky.one(0.82) * 0.35 + rgb(0.82, 0.7, 0.52) * 0.65
    sand = sand + (scheme.sky.one(0.1) - sand) * (scheme.gloom * 0.6)
    speck = (
        canvas.noise("sand", 130.0, 2, 0.7, where=where) * 0.03
        + canvas.noise("drift", 5.0, 3, stretch=3.0, where=where) * 0.03
    )
    wet = smoothstep(0.085, 0.0, depth) * 0.34
    canvas.cover(sand * (1 - wet[..., None]) + speck[..., None], smoothstep(0.0, 2.5 * canvas.pixel, depth), where)
    for offset, strength in ((-0.004, 0.85), (-0.035, 0.4), (-0.075, 0.22)):
        lace = 0.012 * canvas.curve(("lace", offset), 9.0, 4, 0.6)[None, :]
        foam = smoothstep(0.01, 0.001, np.abs(depth - offset + lace))
        canvas.light(scheme.sky.one(0.97), foam * strength * (1 - 0.55 * scheme.gloom), where)


def paint_island(view: View) -> None:
    """An island out at sea."""
    canvas, dice = view.canvas, view.dice.fork("island")
    middle = canvas.right * dice.pick((0.3, 0.36, 0.64, 0.7))
    away = np.abs(canvas.x[0] - middle) / 0.3
    hump = ((1 - away**2).clip(0, None) ** 0.8) * (0.085 + 0.03 * canvas.curve("island", 7.0, 5, 0.55))
    where = view.rows_from(view.horizon - 0.2)
    y = canvas.y[where[0]]
    inside = smoothstep(-canvas.pixel, canvas.pixel, y - (view.horizon - hump)[None, :])
    inside = inside * smoothstep(view.horizon + 0.006, view.horizon + 0.003, y) * (hump > 0.0005)[None, :]
    grain = canvas.noise("island", 18.0, 5, 0.6, where=where)
    canvas.cover(view.scheme.layer(0.3, 0.62) * (1 + 0.22 * grain)[..., None], inside, where)


def paint_headland(view: View, x: float, width: float, height: float) -> None:
    """A rock at the sea's edge that something can stand on, flat in the middle."""
    canvas = view.canvas
    away = np.abs(canvas.x[0] - x) / width
    rough = canvas.curve("rock", 9.0, 5, 0.6)
    bulge = smoothstep(1.0, 0.4, away)
    crest = view.horizon + 0.04 - bulge * (height + 0.04) * (1 + 0.22 * rough * smoothstep(0.12, 0.5, away))
    foot = view.horizon + 0.04 + (0.03 + 0.012 * canvas.curve("foot", 6.0, 4, 0.55)) * smoothstep(1.0, 0.75, away)
    where = view.rows_from(float(crest.min()) - 0.01)
    y = canvas.y[where[0]]
    inside = smoothstep(-canvas.pixel, canvas.pixel, y - crest[None, :])
    inside = inside * smoothstep(canvas.pixel, -canvas.pixel, y - foot[None, :]) * (away < 1)[None, :]
    grain = canvas.noise("stone", 22.0, 5, 0.62, where=where)
    tone = view.scheme.layer(0.24, 0.9) * (1 + 0.3 * grain * (1 - 0.5 * view.scheme.gloom))[..., None]
    canvas.cover(tone, inside, where)
