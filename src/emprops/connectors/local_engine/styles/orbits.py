"""A ringed planet with its moons."""

import math
from collections.abc import Iterator

import numpy as np

from emprops.connectors.local_engine.canvas import Canvas, exp, mix, noise, power, smoothstep
from emprops.connectors.local_engine.dice import Array

Point = tuple[float, float]


def orbits(canvas: Canvas) -> Iterator[float]:
    """Render the style; yields the share that is done."""
    dice = canvas.dice
    centre = (canvas.right * dice.uniform(0.42, 0.58), canvas.bottom * dice.uniform(0.44, 0.56))
    radius, tilt, turn = dice.uniform(0.17, 0.21), dice.uniform(0.2, 0.36), dice.uniform(-0.5, 0.5)
    light = dice.uniform(-2.6, -2.0)
    sun = (math.cos(light), math.sin(light))
    _space(canvas, sun)
    yield 0.15
    _stars(canvas)
    yield 0.25
    along = (canvas.x - centre[0]) * math.cos(turn) + (canvas.y - centre[1]) * math.sin(turn)
    across = (canvas.y - centre[1]) * math.cos(turn) - (canvas.x - centre[0]) * math.sin(turn)
    plane = np.sqrt(along**2 + (across / tilt) ** 2)
    front = smoothstep(-canvas.pixel, canvas.pixel, across)
    yield 0.35
    paths = [dice.uniform(0.58, 0.66), dice.uniform(0.74, 0.82), dice.uniform(0.94, 1.05)]
    for path in paths:
        _path(canvas, plane, path, tilt)
    yield 0.45
    colour, opacity = _rings(canvas, plane, radius)
    yield 0.55
    dark = _shadow_on_rings(canvas, centre, sun, radius)
    canvas.cover(colour, opacity * (1 - front) * (1 - 0.85 * dark))
    yield 0.65
    _sphere(canvas, centre, radius, sun, "planet", turn)
    yield 0.75
    canvas.cover(colour, opacity * front * (1 - 0.85 * dark))
    yield 0.82
    for index, path in enumerate(paths):
        where = dice.uniform(0, 2 * math.pi)
        a, b = path * math.cos(where), path * tilt * math.sin(where)
        moon = (
            centre[0] + a * math.cos(turn) - b * math.sin(turn),
            centre[1] + a * math.sin(turn) + b * math.cos(turn),
        )
        if math.hypot(moon[0] - centre[0], moon[1] - centre[1]) > radius * 1.25:
            _sphere(canvas, moon, dice.uniform(0.014, 0.042), sun, f"moon {index}", turn)
    yield 0.9
    canvas.vignette(0.35)
    yield 0.95


def _space(canvas: Canvas, sun: Point) -> None:
    slope = (canvas.x / canvas.right - 0.5) * sun[0] + (canvas.y / canvas.bottom - 0.5) * sun[1]
    cloud = canvas.noise("nebula", 1.7, 6, 0.56)
    canvas.rgb[:] = canvas.palette.at(0.05 + 0.09 * (slope + 0.5) + 0.05 * cloud)
    canvas.light(canvas.palette.one(0.5), smoothstep(0.1, 1.7, cloud + slope) * 0.5)
    wisps = canvas.noise("wisps", 2.6, 6, 0.6)
    canvas.light(canvas.palette.one(0.68), smoothstep(0.5, 2.0, wisps + 0.6 * slope) * 0.4)


def _stars(canvas: Canvas) -> None:
    dice = canvas.dice.fork("stars")
    for _ in range(int(420 * canvas.right * canvas.bottom)):
        x, y, brightness = dice.uniform(0, canvas.right), dice.uniform(0, canvas.bottom), dice.uniform() ** 4
        size = 0.0006 + 0.0013 * brightness
        where = canvas.box(x, y, size * 5 + canvas.pixel)
        square = (canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2
        canvas.light(canvas.palette.one(0.96), exp(-square / size**2) * (0.2 + 0.8 * brightness), where)


def _path(canvas: Canvas, plane: Array, radius: float, tilt: float) -> None:
    # The plane is seen at an angle: a line as thick everywhere in the picture is thicker in the plane.
    gradient_y, gradient_x = np.gradient(plane)
    thickness = np.sqrt(gradient_x**2 + gradient_y**2).astype(np.float32).clip(1e-6, None)
    line = smoothstep(1.3, 0.3, np.abs(plane - radius) / thickness)
    canvas.light(canvas.palette.one(0.8), line * (0.28 + 0.1 * tilt))


def _rings(canvas: Canvas, plane: Array, radius: float) -> tuple[Array, Array]:
    inner, outer = radius * 1.28, radius * canvas.dice.uniform(2.25, 2.6)
    size = (4096, 1)
    bands = noise(canvas.dice.fork("bands"), size, (1.0, 1.0), 7.0, 7, 0.72, 1.0, flat=True)[0]
    tones = noise(canvas.dice.fork("tones"), size, (1.0, 1.0), 3.0, 5, 0.6, 1.0, flat=True)[0]
    position = (plane - inner) / (outer - inner)
    index = (position * 4095).clip(0, 4095).astype(np.intp)
    edge = smoothstep(0.0, 0.015, position) * smoothstep(1.0, 0.975, position)
    gap = canvas.dice.uniform(0.6, 0.72)
    division = smoothstep(0.012, 0.02, np.abs(position - gap))
    opacity = (0.66 + 0.42 * bands[index]).clip(0.06, 0.96) * edge * division
    return canvas.palette.at((0.66 + 0.2 * tones[index] + 0.05 * bands[index]).clip(0.25, 0.98)), opacity


def _shadow_on_rings(canvas: Canvas, centre: Point, sun: Point, radius: float) -> Array:
    dx, dy = canvas.x - centre[0], canvas.y - centre[1]
    behind = -(dx * sun[0] + dy * sun[1])
    aside = np.abs(dx * sun[1] - dy * sun[0])
    return smoothstep(radius * 1.02, radius * 0.93, aside) * smoothstep(0.0, radius * 0.3, behind)


def _sphere(canvas: Canvas, centre: Point, radius: float, sun: Point, name: str, turn: float) -> None:
    where = canvas.box(*centre, radius * 1.7)
    dx, dy = (canvas.x[:, where[1]] - centre[0]) / radius, (canvas.y[where[0]] - centre[1]) / radius
    square = dx * dx + dy * dy
    toward = np.sqrt((1 - square).clip(0, None))
    facing = (dx * sun[0] + dy * sun[1]) * 0.8 + toward * 0.6
    latitude = dy * math.cos(turn) - dx * math.sin(turn)
    warp = canvas.noise(("weather", name), 11.0, 5, 0.55, stretch=1.6, where=where)
    size = (1024, 1)
    belts = noise(canvas.dice.fork("belts", name), size, (1.0, 1.0), 8.0, 5, 0.6, 1.0, flat=True)[0]
    index = ((latitude + 0.045 * warp + 1.1) / 2.2 * 1023).clip(0, 1023).astype(np.intp)
    lit = smoothstep(-0.28, 1.0, facing)
    tone = 0.1 + 0.62 * lit + 0.15 * belts[index] * lit + 0.03 * warp * lit
    ball = canvas.palette.at(tone.clip(0.015, 0.98))
    rim = power(np.asarray((1 - toward).clip(0, 1)), np.array(3.0)) * lit
    ball = mix(ball, canvas.palette.one(0.95), rim * 0.55)
    away = np.sqrt(square)
    halo = exp(-(away - 1).clip(0, None) / 0.12) * smoothstep(-0.5, 1.0, dx * sun[0] + dy * sun[1])
    canvas.light(canvas.palette.one(0.75), halo * 0.42 * smoothstep(1.65, 1.1, away), where)
    canvas.cover(ball, smoothstep(1 + canvas.pixel / radius, 1 - canvas.pixel / radius, away), where)
