"""Woods, single trees and flowers."""

import math
from collections.abc import Callable

import numpy as np

from emprops.connectors.local_engine.canvas import rgb, smoothstep
from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.palettes import Palette, named
from emprops.connectors.local_engine.scenery.stencil import Sheet, Stencil
from emprops.connectors.local_engine.scenery.view import View

ROWS = 5


def paint_forest(view: View, start: float) -> None:
    """Rows of trees with air between them: conifers, or round crowns in autumn, spring and summer."""
    canvas = view.canvas
    depth = canvas.bottom - start
    clearing = view.has("house", "fire", "tree", "houses")
    for index in range(ROWS - 2 if clearing else ROWS):
        near = index / (ROWS - 1)
        base = start + depth * (0.05 + 0.8 * near**1.4)
        paint_trees(view, ("row", index), base, 0.13 + 0.33 * near**1.25, 0.2 + 0.8 * near)
        if view.has("fog"):
            strength = 0.5 * (1 - 0.6 * near)
            drift = 0.75 + 0.4 * canvas.noise(("mist", base), 2.2, 3, stretch=3.0)
            band = smoothstep(base - 0.22, base + 0.01, canvas.y) * smoothstep(base + 0.25, base + 0.05, canvas.y)
            canvas.cover(view.scheme.far(), (band * strength * drift).clip(0, 0.85))


def paint_trees(
    view: View, name: object, base: float, height: float, near: float, across: tuple[float, float] | None = None
) -> None:
    """One row of trees, each in its own shade; across the picture, or from one place to another."""
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("trees", name)
    leafy = view.has("autumn", "spring", "summer", "blossom")
    ground = canvas.curve(("ground", name), 1.1, 2, 0.4) * 0.03 * (0.4 + near)
    sheet = Sheet(canvas, base - height * 1.25 - 0.04, base + 0.06 + height * 0.06)
    left, right = across or (-0.03, canvas.right + 0.03)
    count = int((5.0 if leafy else 7.5) * (right - left) / height * (0.62 if near > 0.9 else 1.0))
    places = sorted((dice.uniform(-0.06, 0.06) * height, dice.uniform(left, right)) for _ in range(count))
    air = scheme.far()
    haze = 0.8 * (1 - near) ** 1.15 + (0.12 if view.has("fog") else 0.0)
    shade, dimmed = scheme.silhouette(0.25 + 0.75 * near), scheme.dimming(near) * (0.6 if view.has("winter") else 0.88)

    def seen(colour: Array) -> Array:
        hazy = colour + (air - colour) * haze
        return np.asarray(hazy + (shade - hazy) * dimmed)

    for lower, x in places:
        column = min(max(int(x * canvas.short), 0), canvas.width - 1)
        foot = base + lower + float(ground[column])
        tall = height * dice.uniform(0.6, 1.12)
        if leafy:
            _crown(view, sheet, dice, (x, foot), tall, seen)
        else:
            _fir(view, sheet, dice, (x, foot), tall, seen)
    sheet.lay()


def paint_groves(view: View, start: float) -> None:
    """A few trees here and there, far off: what makes bare hills large."""
    dice = view.dice.fork("groves")
    for index in range(3):
        near = 0.5 + 0.12 * index
        base = start + view.depth * (0.05 + 0.12 * index)
        middle, reach = view.canvas.right * dice.uniform(0.05, 0.95), dice.uniform(0.1, 0.22)
        paint_trees(view, ("grove", index), base, 0.05 + 0.03 * index, near, (middle - reach, middle + reach))


def _fir(
    view: View, sheet: Sheet, dice: Dice, foot: tuple[float, float], tall: float, seen: Callable[[Array], Array]
) -> None:
    x, base = foot
    land = view.scheme.land
    snowy = view.has("snow", "winter")
    tone = dice.uniform(0.14, 0.27)
    dark, light = seen(land.one(tone * 0.8)), seen(land.one(tone + 0.07))
    sheet.line(((x, base), (x, base - tall * 0.2)), tall * 0.035, seen(rgb(0.17, 0.11, 0.08)))
    tiers = 6 if tall > 0.08 else 4
    half = tall * dice.uniform(0.17, 0.23)
    toward = 1.0 if view.light[0] > x else -1.0
    for tier in range(tiers):
        share = tier / tiers
        low = base - tall * (0.08 + 0.72 * share)
        top = base - tall * min(1.0, 0.08 + 0.72 * share + 0.42)
        width = half * (1 - share) ** 0.9 + tall * 0.02
        droop = tall * 0.03
        left, right = x - width * dice.uniform(0.9, 1.1), x + width * dice.uniform(0.9, 1.1)
        sheet.polygon([(left, low + droop), (x, low - droop), (right, low + droop), (x, top)], dark)
        sheet.polygon([(x, low - droop), (right if toward > 0 else left, low + droop), (x, top)], light)
        if snowy:
            # Snow lies on the ends of the branches, more of it towards the light.
            for edge, tone_of_snow in ((left, 0.74), (right, 0.74)):
                bright = 0.9 if (edge > x) == (toward > 0) else tone_of_snow
                inner = edge * 0.3 + x * 0.7
                sheet.polygon(
                    [(edge, low + droop), (inner, low - droop * 0.1), (edge * 0.42 + x * 0.58, low - tall * 0.1)],
                    seen(land.one(bright)),
                )


def _crown(
    view: View, sheet: Sheet, dice: Dice, foot: tuple[float, float], tall: float, seen: Callable[[Array], Array]
) -> None:
    x, base = foot
    ramp = named("rose") if view.has("blossom") else view.scheme.land
    tone = dice.uniform(0.36, 0.66) if view.has("autumn") else dice.uniform(0.26, 0.42)
    bark = seen(rgb(0.2, 0.14, 0.1))
    sheet.polygon(
        [
            (x - tall * 0.026, base),
            (x - tall * 0.008, base - tall * 0.6),
            (x + tall * 0.008, base - tall * 0.6),
            (x + tall * 0.026, base),
        ],
        bark,
    )
    toward = 1.0 if view.light[0] > x else -1.0
    puffs, fine = [], max(0.62, 1.12 - 1.1 * tall)
    for _ in range(28 + round(130 * tall)):
        angle, away = dice.uniform(0, 2 * math.pi), math.sqrt(dice.uniform())
        bulge = 0.3 * away * (1 + 0.16 * math.sin(3 * angle + tone * 40))
        puffs.append((x + tall * 0.82 * bulge * math.cos(angle), base - tall * (0.66 - bulge * math.sin(angle))))
    for lift, size, lighter, share in (
        (0.0, 0.1, -0.1, 1),
        (0.015, 0.075, 0.0, 1),
        (0.03, 0.05, 0.07, 0.7),
        (0.04, 0.03, 0.14, 0.5),
    ):
        colour = seen(ramp.one(tone + lighter))
        for left, up in puffs:
            if dice.chance(share):
                place = left + toward * lift * tall + dice.uniform(-0.02, 0.02) * tall
                sheet.disc(place, up - lift * tall, tall * size * fine * dice.uniform(0.6, 1.0), colour, tall=0.85)


def paint_tree(view: View, x: float, base: float, height: float) -> None:
    """A single tree: trunk, branches, and leaves in the season's colours; bare in winter."""
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("tree")
    wood = Stencil(canvas, x - height, base - height * 1.25, x + height, base + 0.03)
    tips: list[tuple[float, float]] = []
    _branch(wood, dice, (x, base + 0.01), -math.pi / 2, height * 0.3, height * 0.042, 7, tips)
    bark = rgb(0.16, 0.11, 0.09)
    wood.cover(bark + (scheme.sky.one(0.03) - bark) * scheme.gloom)
    if view.has("winter") and not view.has("blossom"):
        frost = Stencil(canvas, x - height, base - height * 1.25, x + height, base)
        for tip in tips[::2]:
            frost.disc(tip[0], tip[1], height * 0.016, 210)
        frost.cover(scheme.land.one(0.95), 0.8)
        return
    ramp = _leaves(view)
    for share, size, tone in ((1.0, 0.07, 0.24), (0.9, 0.05, 0.4), (0.8, 0.034, 0.54), (0.6, 0.022, 0.7)):
        leaves = Stencil(canvas, x - height, base - height * 1.25, x + height, base)
        for tip in tips:
            if dice.chance(share):
                # What is lighter lies up and towards the light.
                lift = (1 - size / 0.07) * height * 0.06
                toward = lift if view.light[0] > x else -lift
                leaves.disc(
                    tip[0] + height * dice.uniform(-0.05, 0.05) + toward,
                    tip[1] + height * dice.uniform(-0.05, 0.05) - lift,
                    height * size * dice.uniform(0.5, 1.0),
                )
        colour = ramp.one(tone)
        leaves.cover(
            colour + (scheme.sky.one(0.05) - colour) * (scheme.gloom * (0.45 if view.has("blossom") else 0.72)), 0.93
        )


def _leaves(view: View) -> Palette:
    tint = view.reading.tints.get("tree")
    if tint:
        return named(tint)
    if view.has("blossom"):
        return named("rose")
    return named("autumn") if view.has("autumn") else view.scheme.land


def _branch(
    wood: Stencil,
    dice: Dice,
    start: tuple[float, float],
    angle: float,
    length: float,
    width: float,
    depth: int,
    tips: list[tuple[float, float]],
) -> None:
    bent = angle + dice.uniform(-0.16, 0.16)
    end = (start[0] + math.cos(bent) * length, start[1] + math.sin(bent) * length)
    wood.line((start, end), width)
    wood.disc(*end, width * 0.5)
    if depth <= 4:
        tips.append(end)
    if depth == 0:
        return
    spread = dice.uniform(0.34, 0.5)
    for side in (-1.0, 1.0):
        turned = bent + side * spread + dice.uniform(-0.12, 0.12)
        # Branches bow towards the upright, so that the crown is round.
        turned += (-math.pi / 2 - turned) * 0.14
        _branch(wood, dice, end, turned, length * dice.uniform(0.66, 0.82), width * 0.7, depth - 1, tips)


def paint_flowers(view: View, start: float) -> None:
    """A meadow in bloom, the nearest flowers the largest."""
    canvas, scheme, dice = view.canvas, view.scheme, view.dice.fork("flowers")
    tint = view.reading.tints.get("flowers") or view.reading.palette
    names = (
        (tint,) if tint else dice.pick((("rose", "candy", "gold"), ("lavender", "rose"), ("ember", "gold", "arctic")))
    )
    palettes = [named(name) for name in names]
    depth = canvas.bottom - start
    for layer in range(4):
        near = (layer + 0.6) / 4
        stencils = [Stencil(canvas, 0, start - 0.05, canvas.right, canvas.bottom) for _ in palettes]
        hearts = Stencil(canvas, 0, start - 0.05, canvas.right, canvas.bottom)
        stems = Stencil(canvas, 0, start - 0.05, canvas.right, canvas.bottom)
        for _ in range(int((420 - 88 * layer) * canvas.right)):
            at = (layer + dice.uniform()) / 4
            x, y = dice.uniform(0, canvas.right), start + depth * (0.03 + 0.97 * at**1.3)
            size = 0.0028 + 0.015 * at**1.7 * dice.uniform(0.7, 1.2)
            stems.line(((x, y), (x + size * dice.uniform(-0.6, 0.6), y + size * 3.2)), max(size * 0.14, 0.0008), 190)
            _flower(stencils[dice.integer(0, len(palettes) - 1)], hearts, dice, (x, y), size)
        shade = scheme.sky.one(0.1)
        stems.cover(scheme.layer(0.3, 0.9), 0.8)
        for palette, stencil in zip(palettes, stencils, strict=True):
            colour = palette.one(0.56 + 0.08 * near) + 0.05 * near
            stencil.cover(colour + (shade - colour) * (scheme.gloom * 0.5 + 0.12 * (1 - near)), 0.96)
        heart = rgb(1.0, 0.86, 0.35)
        hearts.cover(heart + (shade - heart) * (scheme.gloom * 0.5), 0.95)


def _flower(petals: Stencil, hearts: Stencil, dice: Dice, at: tuple[float, float], size: float) -> None:
    if size < 0.005:
        petals.disc(*at, size * 0.8, tall=0.75)
        return
    turn = dice.uniform(0, math.pi)
    for petal in range(5):
        angle = turn + petal * 2 * math.pi / 5
        petals.disc(at[0] + math.cos(angle) * size * 0.5, at[1] + math.sin(angle) * size * 0.38, size * 0.48, tall=0.85)
    hearts.disc(*at, size * 0.26, tall=0.8)
