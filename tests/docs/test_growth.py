"""The plots of ``docs/performance.md``: drawn again from the same figures, a file stays as it is."""

from pathlib import Path

from bench.growth.draw import draw, short
from bench.growth.figure import Figure, Panel

CLAIM = Panel("One claim", "ms", {"p50": {10: 0.4, 1_000: 0.4, 300_000: 0.5}, "p99": {10: 1.5, 300_000: 1.6}})
MEMORY = Panel("Redis memory", "kB", {"": {1_000: 1.6}})
FIGURE = Figure("jobs-waiting", "jobs waiting", "once", (CLAIM, MEMORY))


def test_the_same_figures_make_the_same_file(tmp_path: Path) -> None:
    first = draw(FIGURE, tmp_path).read_bytes()
    assert draw(FIGURE, tmp_path).read_bytes() == first
    assert b"dc:date" not in first


def test_ticks_are_where_something_was_measured() -> None:
    assert [short(many) for many in FIGURE.points] == ["10", "1k", "300k"]
