"""Draws a subject's curves. The same figures make the same file, and its colours suit light and dark pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.growth.figure import Figure, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#808080"
"""Of texts and axes: as far from white as from a dark page."""
COLOURS = ("#3d85c6", "#d9822b")
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # it comes with matplotlib, so the layout is the same everywhere
    "font.size": 11,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.minor.size": 0,
}
HEADROOM = 1.25
"""How far an axis goes beyond the highest point."""


def draw(figure: Figure, folder: Path) -> Path:
    """Write a figure as SVG, its panels next to each other. Returns the file."""
    import matplotlib as mpl  # noqa: PLC0415 -- a development tool, which the other parts do without
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    path = folder / f"{figure.name}.svg"
    with mpl.rc_context({**STYLE, "svg.hashsalt": figure.name}):
        canvas = Canvas(figsize=(9, 2.9))
        canvas.set_layout_engine("constrained", wspace=0.08)
        axes = canvas.subplots(1, len(figure.panels), squeeze=False)[0]
        for ax, panel in zip(axes, figure.panels, strict=True):
            plot(ax, panel, figure.points)
            ax.set_xlabel(figure.against)
        canvas.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    return path


def plot(ax: "Axes", panel: Panel, points: Sequence[int]) -> None:
    """Plot a panel's curves over a logarithmic axis with ticks at these points; the other axis begins at 0."""
    for (name, curve), colour in zip(panel.curves.items(), COLOURS, strict=False):
        ax.plot([*curve], [*curve.values()], "o-", color=colour, markersize=4, linewidth=1.8)
        if name:
            many, last = max(curve.items())
            ax.annotate(name, (many, last), (7, 0), textcoords="offset points", color=colour, va="center")
    ax.set_xscale("log")
    ax.set_xticks(points, [short(many) for many in points])
    ax.minorticks_off()
    margin = (points[-1] / points[0]) ** 0.05
    ax.set_xlim(points[0] / margin, points[-1] * margin)
    ax.set_ylim(0, HEADROOM * max(cost for curve in panel.curves.values() for cost in curve.values()))
    ax.set_title(f"{panel.title}, {panel.unit}")


def short(many: int) -> str:
    """Write a number so that it fits below a tick, thousands as k."""
    return f"{many / 1000:g}k" if many >= 1000 else str(many)
