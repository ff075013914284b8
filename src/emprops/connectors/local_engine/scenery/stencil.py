"""Shapes with smooth edges: drawn larger than needed, made small, and used to cover or light the picture."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from emprops.connectors.local_engine.canvas import Canvas, soften
from emprops.connectors.local_engine.dice import Array

Point = tuple[float, float]


class Stencil:
    """A mask over a part of the picture. Points are in the picture's units; what leaves the part is cut off."""

    def __init__(self, canvas: Canvas, x: float, y: float, right: float, bottom: float) -> None:
        short = canvas.short
        self.canvas = canvas
        self.left, self.top = max(0, math.floor(x * short)), max(0, math.floor(y * short))
        self.columns = max(0, min(canvas.width, math.ceil(right * short)) - self.left)
        self.rows = max(0, min(canvas.height, math.ceil(bottom * short)) - self.top)
        self.scale = _scale(short)
        self.image = Image.new("L", (max(1, self.columns) * self.scale, max(1, self.rows) * self.scale))
        self.pen = ImageDraw.Draw(self.image)

    def _at(self, point: Point) -> Point:
        short = self.canvas.short
        return (point[0] * short - self.left) * self.scale, (point[1] * short - self.top) * self.scale

    def polygon(self, points: Sequence[Point], fill: int = 255) -> None:
        """Fill a polygon."""
        self.pen.polygon([self._at(point) for point in points], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: int = 255) -> None:
        """Fill a rectangle."""
        (x, y), (u, v) = self._at((left, top)), self._at((right, bottom))
        if u > x and v > y:
            self.pen.rectangle((x, y, u, v), fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: int = 255, *, tall: float = 1.0) -> None:
        """Fill a circle, or an ellipse ``tall`` times as high as wide."""
        (u, v), reach = self._at((x, y)), radius * self.canvas.short * self.scale
        self.pen.ellipse((u - reach, v - reach * tall, u + reach, v + reach * tall), fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: int = 255) -> None:
        """Draw a line."""
        thick = max(1, round(width * self.canvas.short * self.scale))
        self.pen.line([self._at(point) for point in points], fill=fill, width=thick, joint="curve")

    @property
    def where(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the mask lies over."""
        return slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns)

    def coverage(self, blur: float = 0.0) -> Array:
        """The mask as 0–1, blurred by a length."""
        if not self.rows or not self.columns:
            return np.zeros((self.rows, self.columns), dtype=np.float32)
        mask = np.asarray(self.image.reduce(self.scale), dtype=np.float32) * np.float32(1 / 255)
        return soften(mask, blur * self.canvas.short) if blur else mask

    def cover(self, colour: Array, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint a colour, or a picture of colours over the part, through the mask."""
        self.canvas.cover(colour, self.coverage(blur) * opacity, self.where)

    def light(self, colour: Array, amount: float = 1.0, blur: float = 0.0) -> None:
        """Add light through the mask."""
        self.canvas.light(colour, self.coverage(blur) * amount, self.where)


class Sheet:
    """A transparent sheet over rows of the picture, for many shapes of many colours; laid down once."""

    def __init__(self, canvas: Canvas, top: float, bottom: float) -> None:
        self.canvas = canvas
        self.scale = _scale(canvas.short)
        self.top = min(max(0, math.floor(top * canvas.short)), canvas.height - 1)
        self.rows = max(1, min(canvas.height, math.ceil(bottom * canvas.short)) - self.top)
        self.image = Image.new("RGBX", (canvas.width * self.scale, self.rows * self.scale))  # X: how much is covered
        self.pen = ImageDraw.Draw(self.image)

    def _at(self, point: Point) -> Point:
        short = self.canvas.short
        return point[0] * short * self.scale, (point[1] * short - self.top) * self.scale

    def polygon(self, points: Sequence[Point], colour: Array) -> None:
        """Fill a polygon."""
        self.pen.polygon([self._at(point) for point in points], fill=_bytes(colour))

    def disc(self, x: float, y: float, radius: float, colour: Array, *, tall: float = 1.0) -> None:
        """Fill a circle, or an ellipse ``tall`` times as high as wide."""
        (u, v), reach = self._at((x, y)), radius * self.canvas.short * self.scale
        self.pen.ellipse((u - reach, v - reach * tall, u + reach, v + reach * tall), fill=_bytes(colour))

    def line(self, points: Sequence[Point], width: float, colour: Array) -> None:
        """Draw a line."""
        thick = max(1, round(width * self.canvas.short * self.scale))
        self.pen.line([self._at(point) for point in points], fill=_bytes(colour), width=thick)

    @property
    def where(self) -> tuple[slice, slice]:
        """The rows of the picture that the sheet lies over."""
        return slice(self.top, self.top + self.rows), slice(0, self.canvas.width)

    def lay(self) -> None:
        """Lay the sheet on the picture."""
        small = np.asarray(self.image.reduce(self.scale), dtype=np.float32) * np.float32(1 / 255)
        target = self.canvas.rgb[self.where]
        # What is not covered is black, so the averaged colours are weighted by coverage already.
        target *= 1 - small[..., 3:]
        target += small[..., :3]


def _scale(short: int) -> int:
    """How many times as large as the picture shapes are drawn: the finer its pixels, the less their edges show."""
    return 4 if short <= 400 else 3 if short <= 700 else 2


def _bytes(colour: Array) -> tuple[int, int, int, int]:
    red, green, blue = (min(255, max(0, round(part * 255))) for part in colour.tolist())
    return red, green, blue, 255
