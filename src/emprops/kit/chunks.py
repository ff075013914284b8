"""Long sequences, a part at a time."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield the items in their order, at most ``size`` at a time; nothing of an empty sequence."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
