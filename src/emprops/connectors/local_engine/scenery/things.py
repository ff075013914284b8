"""Single things: boats, birds, hot-air balloons, a campfire."""

import math

import numpy as np

from emprops.connectors.local_engine.canvas import exp, rgb, smoothstep, soften
from emprops.connectors.local_engine.dice import Array
from emprops.connectors.local_engine.palettes import named
from emprops.connectors.local_engine.scenery.stencil import Stencil
from emprops.connectors.local_engine.scenery.view import View


def paint_boats(view: View) -> None:
    """Sailing boats on the water, one of them near."""
    dice = view.dice.fork("boats")
    harbour = view.has("houses")
    right = view.canvas.right
    side = -1.0 if view.light[0] > right / 2 else 1.0
    near = right * (0.5 + side * dice.uniform(0.06, 0.16)) if not harbour else right * (0.5 + side * 0.04)
    for index in range(3 if harbour else 1):
        x = right * (0.5 - side * (0.18 + 0.11 * index)) if harbour else right * (0.5 - side * dice.uniform(0.2, 0.34))
        _boat(view, x, view.horizon + (0.075 if view.has("lake") else 0.03) + 0.025 * index, 0.075 + 0.025 * index)
    _boat(view, near, view.horizon + view.depth * 0.34, 0.26)


def _boat(view: View, x: float, y: float, size: float) -> None:
    canvas, scheme = view.canvas, view.scheme
    tint = view.reading.tints.get("boat")
    sail = named(tint).one(0.46) if tint else scheme.sky.one(0.97) * 0.5 + 0.47
    hull = rgb(0.24, 0.13, 0.1)
    far = 0.5 * max(0.0, 1 - size / 0.25)
    shade, air = scheme.sky.one(0.06), scheme.far()
    hull, sail = (part + (shade - part) * (scheme.gloom * share) for part, share in ((hull, 0.8), (sail, 0.3)))
    hull, sail = (part + (air - part) * far for part in (hull, sail))

    def parts(mirror: float) -> tuple[Stencil, Stencil, Stencil]:
        sails, jib, body = (Stencil(canvas, x - size, y - size * 1.4, x + size, y + size * 1.2) for _ in range(3))

        def at(dx: float, dy: float) -> tuple[float, float]:
            return x + dx * size, y + mirror * dy * size

        sails.polygon([at(0.02, -1.2), at(0.1, -0.75), at(0.46, -0.2), at(0.02, -0.16)])
        jib.polygon([at(-0.03, -1.06), at(-0.2, -0.55), at(-0.42, -0.16), at(-0.03, -0.14)])
        body.line((at(0, -1.25), at(0, -0.1)), size * 0.022)
        body.polygon([at(-0.5, -0.12), at(0.54, -0.12), at(0.42, 0.02), at(-0.38, 0.02)])
        return sails, jib, body

    for piece, colour in zip(parts(-0.85), (sail * 0.75, sail * 0.65, hull), strict=True):
        piece.cover(colour, 0.32, blur=0.006)
    sails, jib, body = parts(1.0)
    sails.cover(sail)
    jib.cover(sail * 0.86)
    body.cover(hull)


def paint_birds(view: View) -> None:
    """A loose flock in the sky."""
    canvas, dice = view.canvas, view.dice.fork("birds")
    flock = Stencil(canvas, 0, 0, canvas.right, view.horizon)
    x0, y0 = canvas.right * dice.uniform(0.3, 0.6), view.horizon * dice.uniform(0.28, 0.42)
    for _ in range(11):
        x, y = x0 + dice.uniform(-0.24, 0.24), y0 + dice.uniform(-0.09, 0.09)
        size, lift = dice.uniform(0.011, 0.026), dice.uniform(0.25, 0.6)
        for side in (-1.0, 1.0):
            wing = [
                (x + side * size * share, y - size * lift * math.sin(math.pi * min(1.0, share * 1.25)) * 0.9)
                for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
            ]
            flock.line(wing, size * 0.11)
    flock.cover(view.scheme.sky.one(0.04), 0.85)


def paint_balloons(view: View) -> None:
    """Hot-air balloons, a large one and some far ones."""
    dice = view.dice.fork("balloons")
    right, sky = view.canvas.right, view.horizon
    side = -1.0 if view.light[0] > right / 2 else 1.0
    for x, y, size in (
        (0.5 - side * 0.22, 0.72, 0.035),
        (0.5 + side * 0.3, 0.56, 0.05),
        (0.5 + side * 0.08 + dice.uniform(-0.04, 0.04), 0.36, 0.145),
    ):
        _balloon(view, right * x, sky * y, size, dice.integer(0, 3))


def _balloon(view: View, x: float, y: float, size: float, turn: int) -> None:
    canvas, scheme = view.canvas, view.scheme
    tint = view.reading.tints.get("balloon")
    names = (
        (tint, "arctic")
        if tint
        else (("ember", "gold"), ("ocean", "candy"), ("lavender", "rose"), ("autumn", "dawn"))[turn]
    )
    colours = [named(name).one(0.56 if at == 0 else 0.8) for at, name in enumerate(names)]
    bag = Stencil(canvas, x - size * 1.1, y - size * 1.1, x + size * 1.1, y + size * 1.5)
    bag.disc(x, y, size)
    bag.polygon(
        [
            (x - size * 0.9, y + size * 0.42),
            (x + size * 0.9, y + size * 0.42),
            (x + size * 0.2, y + size * 1.26),
            (x - size * 0.2, y + size * 1.26),
        ]
    )
    where = bag.where
    across, down = (canvas.x[:, where[1]] - x) / size, (canvas.y[where[0]] - y) / size
    width = np.where(
        down < 0.42, np.sqrt((1 - down * down).clip(0.02, None)), (0.9 - 0.83 * (down - 0.42)).clip(0.15, None)
    )
    gore = (across / width).clip(-1, 1)
    stripe = np.floor(np.arcsin(gore.astype(np.float64)) / math.pi * 8 + 4).astype(np.intp) % 2
    sun = 1.0 if view.light[0] > x else -1.0
    round_ = (0.84 + 0.2 * sun * gore - 0.24 * gore * gore - 0.1 * down).clip(0.4, 1.15)
    colour: Array = np.array(colours, dtype=np.float32)[stripe] * round_[..., None]
    far = 0.45 * max(0.0, 1 - size / 0.13)
    colour = colour + (scheme.sky.one(0.08) - colour) * (scheme.gloom * 0.3)
    bag.cover(colour + (scheme.far() - colour) * far)
    basket = Stencil(canvas, x - size * 0.4, y + size, x + size * 0.4, y + size * 1.9)
    for side in (-0.18, 0.18):
        basket.line(((x + side * size, y + size * 1.24), (x + side * 0.7 * size, y + size * 1.56)), size * 0.02, 220)
    basket.box(x - size * 0.15, y + size * 1.54, x + size * 0.15, y + size * 1.76)
    wood = rgb(0.3, 0.19, 0.11) * (1 - 0.6 * scheme.gloom)
    basket.cover(wood + (scheme.far() - wood) * far)


def paint_fire(view: View, x: float, base: float, size: float) -> None:
    """A campfire that lights its surroundings, with sparks above it."""
    canvas, dice = view.canvas, view.dice.fork("fire")
    ember = named("ember")
    view.glow(x, base - size * 0.4, size * 2.6, ember.one(0.6), 0.5)
    view.glow(x, base - size * 0.3, size * 0.9, ember.one(0.72), 0.6)
    wood = Stencil(canvas, x - size, base - size * 0.5, x + size, base + size * 0.3)
    for side in (-1.0, 1.0, -0.45, 0.45):
        wood.line(
            ((x - side * size * 0.42, base + size * 0.1), (x + side * size * 0.22, base - size * 0.16)), size * 0.085
        )
    wood.cover(rgb(0.1, 0.055, 0.035))
    where = canvas.box(x, base - size * 0.6, size * 1.1)
    along = (base - canvas.y[where[0]]) / size
    sway = canvas.noise("sway", 5.0, 3, 0.5, where=where) * (0.13 * along.clip(0, None))
    lick = canvas.noise("lick", 13.0, 4, 0.6, where=where)
    heat: Array = np.zeros(lick.shape, dtype=np.float32)
    for aside, tall, wide in ((0.0, 1.3, 0.3), (-0.2, 0.86, 0.2), (0.21, 0.78, 0.2), (-0.08, 1.05, 0.2)):
        up = along / tall
        half = wide * (1 - up).clip(0, None) ** 0.9 * (0.45 + 0.55 * smoothstep(-0.12, 0.3, up))
        inside = (
            half
            + 0.05 * lick * up.clip(0, 1)
            - np.abs((canvas.x[:, where[1]] - x) / size - aside * (1 - 0.5 * up) + sway)
        )
        heat = np.maximum(heat, (inside / (0.62 * wide)).clip(0, 1) * (1.05 - 0.55 * up.clip(0, 1)))
    heat = heat * smoothstep(-0.14, 0.0, along)
    canvas.light(ember.one(0.7), soften(heat, canvas.short * size * 0.12) * 0.5, where)
    canvas.cover(ember.at((0.46 + 0.52 * heat).clip(0, 1)), smoothstep(0.0, 0.22, heat), where)
    sparks = Stencil(canvas, x - size, base - size * 2.6, x + size, base)
    for _ in range(46):
        up = dice.uniform() ** 0.7 * 2.3
        sparks.disc(
            x + size * dice.uniform(-0.3, 0.3) * (0.5 + up * 0.5),
            base - size * (0.3 + up),
            size * dice.uniform(0.006, 0.015),
            round(255 * (1 - up / 2.5)),
        )
    sparks.light(ember.one(0.82), 1.0)
    sparks.light(ember.one(0.65), 0.8, blur=size * 0.03)


def paint_lightning(view: View) -> None:
    """One bolt from the clouds to the horizon."""
    canvas, dice = view.canvas, view.dice.fork("bolt")
    x, y = canvas.right * dice.uniform(0.25, 0.75), view.horizon * 0.14
    bolt = Stencil(canvas, 0, 0, canvas.right, view.horizon)
    points = [(x, y)]
    while points[-1][1] < view.horizon:
        last = points[-1]
        points.append((last[0] + dice.uniform(-0.035, 0.035), last[1] + dice.uniform(0.015, 0.04)))
        if dice.chance(0.3):
            branch = [points[-1]]
            lean = dice.pick((-1.0, 1.0))
            for _ in range(dice.integer(2, 5)):
                branch.append(
                    (branch[-1][0] + lean * dice.uniform(0.008, 0.03), branch[-1][1] + dice.uniform(0.01, 0.03))
                )
            bolt.line(branch, 0.0016, 150)
    bolt.line(points, 0.0036)
    white = rgb(0.95, 0.96, 1.0)
    bolt.light(white, 0.55, blur=0.03)
    bolt.light(white, 1.0)
    distance = np.abs(canvas.x - x)
    canvas.light(white, exp(-distance / 0.3) * smoothstep(view.horizon, 0.0, canvas.y) * 0.22)
