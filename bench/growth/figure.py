"""A subject's curves, and their figures as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.rounds import Rounds, middle
from bench.tables import p50, p99, print_table

Curve = dict[int, float]
"""How many there are → what it costs."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One small plot."""

    title: str
    unit: str
    curves: Mapping[str, Curve]
    """By name, which is empty where there is only one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The plots of one subject, against the same quantity."""

    name: str
    """That of its file."""
    against: str
    how: str
    """How often it was measured, for the table."""
    panels: tuple[Panel, ...]

    @property
    def points(self) -> list[int]:
        """Return the numbers at which something was measured."""
        return sorted({many for panel in self.panels for curve in panel.curves.values() for many in curve})


def percentiles(found: Mapping[int, Rounds]) -> dict[str, Curve]:
    """Return the two curves of samples: medians over the rounds of each round's p50 and p99."""
    return {
        name: {many: middle(rounds, figure) for many, rounds in found.items()}
        for name, figure in (("p50", p50), ("p99", p99))
    }


def print_figure(figure: Figure) -> None:
    """Print a row for each point."""
    columns = {
        f"{panel.title}, {name} {panel.unit}".replace(",  ", ", "): curve
        for panel in figure.panels
        for name, curve in panel.curves.items()
    }
    rows = [
        [f"{many:,}", *(f"{curve[many]:.3g}" if many in curve else "" for curve in columns.values())]
        for many in figure.points
    ]
    print_table(f"With {figure.against}: {figure.how}", [figure.against, *columns], rows)
