"""Putting a scene together: what is asked for, from the far to the near."""

from collections.abc import Iterator

from emprops.connectors.local_engine.canvas import Canvas
from emprops.connectors.local_engine.scenery import land, sky, things, town, water, weather, woods
from emprops.connectors.local_engine.scenery.scheme import Scheme
from emprops.connectors.local_engine.scenery.view import View
from emprops.connectors.local_engine.words import Reading


def scene(canvas: Canvas, reading: Reading, scheme: Scheme) -> Iterator[float]:
    """Paint what a prompt asks for; yields the share that is done."""
    view = _view(canvas, reading, scheme)
    sky.paint_sky(view)
    yield 0.1
    _paint_lights(view)
    yield 0.3
    _paint_far(view)
    yield 0.5
    _paint_ground(view)
    yield 0.75
    _paint_near(view)
    yield 0.9
    if view.has("fog"):
        weather.paint_fog(view)
    if view.has("rain"):
        weather.paint_rain(view)
    if view.has("snow"):
        weather.paint_snowfall(view)
    canvas.vignette(0.24)
    yield 0.95


def _view(canvas: Canvas, reading: Reading, scheme: Scheme) -> View:
    dice = canvas.dice.fork("view")
    low = 0.66 if reading.has("city", "mountains", "aurora", "stars", "balloon") else 0.56
    if reading.has("desert", "flowers", "river", "beach") and not reading.has("mountains", "city"):
        low = 0.48
    if reading.has("forest") and not reading.has("lake", "sea", "mountains"):
        low = 0.5
    horizon = canvas.bottom * (low + dice.uniform(-0.02, 0.02))
    x = canvas.right * dice.pick((dice.uniform(0.24, 0.36), dice.uniform(0.64, 0.76)))
    setting = scheme.time in ("dawn", "sunset", "dusk")
    by_night = reading.has("moon", "crescent")
    height = 0.32 if by_night or scheme.time in ("day", "night") else 0.8
    if reading.has("mountains", "forest", "city") and setting and not by_night:
        height = 0.5
    return View(canvas, reading, scheme, horizon, (x, horizon * height))


def _paint_lights(view: View) -> None:
    time = view.scheme.time
    covered = view.has("storm", "rain", "fog")
    if time == "night" and not covered:
        sky.paint_stars(view)
    if view.has("aurora"):
        sky.paint_aurora(view)
    if view.has("moon", "crescent"):
        sky.paint_moon(view)
    elif view.has("sun") or (time in ("dawn", "sunset", "day") and not covered and not view.has("stars", "winter")):
        sky.paint_sun(view)
    if view.has("meteor"):
        sky.paint_meteor(view)
    if view.has("clouds", "storm", "rain") or (time == "day" and not view.has("clear", "fog", "stars")):
        sky.paint_clouds(view)
    if view.has("lightning"):
        things.paint_lightning(view)


def _paint_far(view: View) -> None:
    if view.has("mountains"):
        land.paint_mountains(view)
    if view.has("rainbow"):
        sky.paint_rainbow(view)
    if view.has("city"):
        town.paint_city(view, view.horizon + 0.01)
    if view.has("island"):
        land.paint_island(view)
    if view.has("balloon"):
        things.paint_balloons(view)
    if view.has("birds"):
        things.paint_birds(view)


def _paint_ground(view: View) -> None:
    start = view.horizon + (0.02 if view.has("mountains", "city") else -0.005)
    if view.has("sea"):
        water.paint_sea(view)
        if view.has("beach"):
            land.paint_beach(view)
    elif view.has("lake"):
        _paint_shore(view)
        water.paint_lake(view, view.horizon + 0.035)
    elif view.has("desert"):
        land.paint_dunes(view)
    elif view.has("city") and not view.has("hills", "meadow", "forest", "river", "tree", "house"):
        water.paint_lake(view, view.horizon + 0.035)
    else:
        alone = view.has("mountains") and not view.has("hills", "meadow", "flowers", "forest", "river", "house", "tree")
        if alone:
            woods.paint_trees(view, "foot", view.canvas.bottom + 0.02, 0.14, 1.0)
            return
        land.paint_hills(view, start)
        if not view.has("forest", "mountains", "flowers"):
            woods.paint_groves(view, start)
        if view.has("river"):
            water.paint_river(view, start + 0.02)
        if view.has("forest"):
            woods.paint_forest(view, start)


def _paint_shore(view: View) -> None:
    """Land on the far side of a lake."""
    land.paint_strip(view, view.horizon - 0.004)
    if view.has("forest") or not view.has("mountains", "city", "desert"):
        woods.paint_trees(view, "shore", view.horizon + 0.03, 0.16 if view.has("forest") else 0.09, 0.45)
    if view.has("forest"):
        woods.paint_trees(view, "near shore", view.horizon + 0.036, 0.22, 0.8)


def _paint_near(view: View) -> None:
    right = view.canvas.right
    dice = view.dice.fork("near")
    away = right - view.light[0]
    on_water = view.has("sea")
    if view.has("lighthouse"):
        x = min(max(away, right * 0.24), right * 0.76)
        land.paint_headland(view, x, 0.3, 0.075)
        town.paint_lighthouse(view, x, view.horizon - 0.06, 0.36)
    if view.has("houses"):
        if on_water:
            left = view.light[0] > right / 2
            land.paint_headland(view, 0.25 if left else right - 0.25, 0.5, 0.03)
        town.paint_houses(view, view.horizon + (0.0 if on_water else view.depth * 0.22))
    if view.has("boat"):
        things.paint_boats(view)
    if view.has("flowers") and not on_water:
        woods.paint_flowers(view, view.horizon + view.depth * 0.12)
    ground = view.horizon + view.depth * (0.0 if view.has("lake") else 0.6 if view.has("forest") else 0.42)
    if view.has("house"):
        place = right * 0.5 + (away - right * 0.5) * 0.55
        town.paint_house(view, place, ground, 0.24)
    if view.has("tree") and not on_water:
        x = right * (0.5 if not view.has("house") else 0.5 - 0.55 * (away / right - 0.5))
        woods.paint_tree(view, x + dice.uniform(-0.03, 0.03), ground + 0.06, min(0.52, ground * 0.7))
    if view.has("fire"):
        things.paint_fire(view, right * 0.5 + dice.uniform(-0.08, 0.08), view.horizon + view.depth * 0.62, 0.16)
