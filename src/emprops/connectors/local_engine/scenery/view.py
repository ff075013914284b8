"""What the parts of a scene share: the canvas, the colours, and where horizon and light are."""

from dataclasses import dataclass

from emprops.connectors.local_engine.canvas import Canvas, exp
from emprops.connectors.local_engine.dice import Array, Dice
from emprops.connectors.local_engine.scenery.scheme import Scheme
from emprops.connectors.local_engine.words import Reading


@dataclass(frozen=True)
class View:
    """A scene being painted. Lengths are in units of the picture's shorter side."""

    canvas: Canvas
    reading: Reading
    scheme: Scheme
    horizon: float
    """How far below the upper edge the horizon is."""
    light: tuple[float, float]
    """Where sun or moon is."""

    @property
    def dice(self) -> Dice:
        """The scene's own randomness; parts fork it."""
        return self.canvas.dice

    @property
    def depth(self) -> float:
        """From the horizon to the lower edge."""
        return self.canvas.bottom - self.horizon

    def has(self, *names: str) -> bool:
        """Return whether any of the features is asked for."""
        return self.reading.has(*names)

    def glow(self, x: float, y: float, reach: float, colour: Array, strength: float) -> None:
        """Add soft light about a point."""
        canvas = self.canvas
        where = canvas.box(x, y, reach * 3)
        square = (canvas.x[:, where[1]] - x) ** 2 + (canvas.y[where[0]] - y) ** 2
        canvas.light(colour, exp(-square / reach**2) * strength, where)

    def rows_from(self, y: float) -> tuple[slice, slice]:
        """The part of the picture from a height down."""
        top = min(max(int(y * self.canvas.short), 0), self.canvas.height)
        return slice(top, self.canvas.height), slice(0, self.canvas.width)
