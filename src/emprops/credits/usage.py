"""Prices by usage: the most that a step may cost is held, and what it used is charged. Pure.

A workflow says so in ``data.credits``, or in the table there::

    {"per": "total_tokens", "rate": 0.000002, "minimum": 0.01, "most": 0.25}

``per`` is ``seconds``, which the queue measures from claim to end, or the name of a number in the ``usage`` that the
step's result reports, as ``openai_chat`` does. Why missing usage costs the minimum: docs/decisions/0044-money.md.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from emprops.credits.amounts import MICROS

SECONDS = "seconds"
RATE_DECIMALS = 12
"""A rate may have more decimals than an amount: a token costs less than a micro-credit."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Usage:
    """How a step that is settled by usage is charged. Amounts are in micro-credits."""

    per: str
    rate: Decimal
    """Credits for each."""
    minimum: int
    """What it costs at least; also what it costs if its usage is not known."""
    most: int
    """What is held, and never exceeded."""

    def charge(self, used: Decimal | None) -> int:
        """Return what this much costs, rounded up to a micro-credit; None: nobody knows how much it was."""
        if used is None:
            return self.minimum
        cost = (used * self.rate * MICROS).to_integral_value(ROUND_CEILING)
        return int(min(max(cost, Decimal(self.minimum)), Decimal(self.most)))

    def used_of(self, data: Mapping[str, Any], seconds: float | None) -> Decimal | None:
        """Return how much a step used: its result's ``data`` and the time of its run say so. None if they do not, or
        say what cannot be."""
        told = data.get("usage")
        value = seconds if self.per == SECONDS else told.get(self.per) if isinstance(told, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            return None
        return Decimal(str(value))


def is_name(value: Any) -> bool:
    """Return whether a value can name what is counted."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def read_rate(value: Any) -> Decimal | None:
    """Read a rate; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    rate = Decimal(str(value))
    if not rate.is_finite() or not 0 < rate <= MICROS or rate != round(rate, RATE_DECIMALS):
        return None
    return rate
