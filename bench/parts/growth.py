"""How cost grows with jobs, workers, users and streams: tables, and the plots of ``docs/performance.md``."""

from pathlib import Path

from bench.growth import stored, streams, waiting, workers
from bench.growth.draw import draw
from bench.growth.figure import print_figure

FOLDER = Path(__file__).parents[2] / "docs" / "growth"


async def run(*, quick: bool) -> bool:
    """Measure, print, and draw unless it is to be quick. There is no goal to miss."""
    for subject in (waiting, stored, workers, streams):
        for figure in await subject.measure(quick=quick):
            print_figure(figure)
            if not quick:
                FOLDER.mkdir(exist_ok=True)
                print(f"\n  {draw(figure, FOLDER)}", flush=True)
    return True
