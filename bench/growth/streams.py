"""What open streams cost: the api's memory, and the time from a commit to its event."""

from bench.growth.figure import Figure, Panel, percentiles
from bench.parts.streams import Size, found_with

FULL = Size(streams=(10, 100, 1_000, 2_000, 5_000, 10_000), changes=1_800, quiet=1.0)
QUICK = Size(streams=(10, 1_000, 2_000), changes=400, quiet=1.0)
ROUND = 200
"""Changes of one round."""
FIRST = 1_000
"""Streams whose memory is not counted: they also use what the process has free."""


async def measure(*, quick: bool) -> list[Figure]:
    """Open ever more streams of one api."""
    size = QUICK if quick else FULL
    _, *found = await found_with(size)
    changes = {
        one.streams: [one.latencies[first : first + ROUND] for first in range(0, size.changes, ROUND)] for one in found
    }
    grown = {one.streams: one.streams * one.memory for one in found if one.streams >= FIRST}
    memory = {many: (grown[many] - grown[FIRST]) / (many - FIRST) / 1000 for many in grown if many > FIRST}
    how = f"medians of {size.changes // ROUND} rounds of {ROUND} changes"
    panels = (
        Panel("From commit to event", "ms", percentiles(changes)),
        Panel("Memory of the api per further stream", "kB", {"": memory}),
    )
    return [Figure("streams", "open streams", how, panels)]
