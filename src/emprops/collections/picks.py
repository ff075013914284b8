"""What picks choose from, and how. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a pick, the name it is shown under, and its weight."""

    value: str | int | float | bool
    name: str
    weight: float = 1.0


def pick(options: Sequence[Option], at: float) -> Any:
    """Return the option at a fraction 0 ≤ ``at`` < 1 of the sum of weights."""
    left = at * math.fsum(option.weight for option in options)
    for option in options:
        left -= option.weight
        if left < 0:
            return option.value
    # Rounding may leave a crumb.
    return next(option.value for option in reversed(options) if option.weight)
