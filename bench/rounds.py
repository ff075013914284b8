"""Rounds of samples, taken in turn from what is compared: what the machine does to one, it does to the others."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Key = TypeVar("Key")
Sampler = Callable[[], Awaitable[float]]
Rounds = list[list[float]]
"""The samples of each round."""


async def in_turn(samplers: Mapping[Key, Sampler], rounds: int, samples: int, block: int) -> dict[Key, Rounds]:
    """Sample each so often in each round, in blocks short enough that all share the machine's moods."""
    found: dict[Key, Rounds] = {key: [] for key in samplers}
    for _ in range(rounds):
        for taken in found.values():
            taken.append([])
        for _ in range(0, samples, block):
            for key, sample in samplers.items():
                found[key][-1] += [await sample() for _ in range(block)]
    return found


def middle(rounds: Rounds, figure: Callable[[Sequence[float]], float]) -> float:
    """Return the median over the rounds of a figure such as ``p99``."""
    return median(map(figure, rounds))
