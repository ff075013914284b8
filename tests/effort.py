"""How much work a call does, counted and not timed: the same on every machine, however busy it is."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType


def calls_of(work: Callable[[], object]) -> int:
    """Return how often ``work`` calls a function, built in or not, or goes on with a generator."""
    calls = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls // 2  # it is told of each return, too


def peak_of(work: Callable[[], object]) -> int:
    """Return how many bytes ``work`` holds at most, beyond what was held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
