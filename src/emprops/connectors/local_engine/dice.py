"""Seeded randomness whose stream is the same on every machine and with every NumPy.

Only ``PCG64.random_raw`` is used: NumPy keeps bit generators stable (NEP 19), but not ``Generator`` methods.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
T = TypeVar("T")


def digest(*parts: object) -> int:
    """A 128-bit number from the parts' text; unlike ``hash`` the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16], "big")


class Dice:
    """A stream of random numbers named by its key."""

    def __init__(self, *key: object) -> None:
        self._key = key
        self._bits = np.random.PCG64(digest(*key))

    def fork(self, *name: object) -> "Dice":
        """An independent stream: what it draws does not shift what others draw."""
        return Dice(*self._key, *name)

    def many(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Array:
        """An array of uniform numbers in [low, high)."""
        raw = np.asarray(self._bits.random_raw(int(np.prod(shape))))
        unit = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return (low + (high - low) * unit).astype(np.float32).reshape(shape)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One uniform number in [low, high)."""
        return low + (high - low) * (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def integer(self, low: int, high: int) -> int:
        """One whole number in [low, high], both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability
