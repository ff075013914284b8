"""What a step costs: a workflow says so in ``data.credits``. And what a collection costs by itself. Pure.

Either a number (``0.25``), or ``{"cost": 0.25}``, or a table by the value of one of the form's fields::

    {"by": "job_type", "values": {"openai": 0.05}, "default": 0.25}

A table needs its default, so that no value a caller may think of is free by accident. Without ``credits`` a step is
free. Scripts, which the original platform ran here, are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from emprops.credits.amounts import MICROS, to_micros

MOST = 1_000_000 * MICROS
"""The most a step, or a collection by itself, may cost, in micro-credits."""
MAX_ROWS = 1_000


class PriceError(ValueError):
    """A definition is no price; the message is a sentence that says what is."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a step of a workflow costs, in micro-credits."""

    default: int = 0
    by: str | None = None
    """The form field that decides; None: every step costs ``default``."""
    values: Mapping[str, int] = field(default_factory=dict)

    def of(self, fields: Mapping[str, Any]) -> int:
        """Return the price of a step with these form values. A value that only another step will give costs the
        default."""
        if self.by is None:
            return self.default
        return self.values.get(_as_key(fields.get(self.by)) or "", self.default)


@dataclass(frozen=True, slots=True)
class StepPrice:
    """What one step of one generation costs; also a step that has nothing to run."""

    key: int
    """The step's id in the collection's data."""
    generation: int
    name: str
    price: int
    """In micro-credits."""


def read_price(definition: Any) -> Price:
    """Read ``data.credits``; None is free. Raises :class:`PriceError`."""
    if definition is None:
        return Price()
    if isinstance(definition, Mapping):
        return _read_table(definition) if "by" in definition else Price(_read_cost(definition.get("cost"), "cost"))
    return Price(_read_cost(definition, "credits"))


def check_price(data: Any) -> list[str]:
    """Return what is wrong with the price in a workflow's data, in sentences; nothing if it has none."""
    try:
        read_price(data.get("credits") if isinstance(data, Mapping) else None)
    except PriceError as error:
        return [str(error)]
    return []


def price_of_collection(price: Decimal, blockchain: str | None) -> int:
    """Return what each generation costs in addition to its steps, in micro-credits: the collection's ``price``, unless
    that is in the currency of a blockchain. Raises :class:`PriceError` for what cannot be paid in credits."""
    if blockchain is not None:
        return 0
    try:
        micros = to_micros(price)
    except ValueError as error:
        raise PriceError(str(error)) from None
    if micros > MOST:
        raise PriceError(f"a generation may cost {MOST // MICROS} credits at most")
    return micros


def _read_table(table: Mapping[str, Any]) -> Price:
    by, values = table["by"], table.get("values")
    if not isinstance(by, str) or not by:
        raise PriceError("credits.by must be the id of a form field")
    if not isinstance(values, Mapping) or len(values) > MAX_ROWS:
        raise PriceError(f"credits.values must be an object of at most {MAX_ROWS} prices by the values of {by}")
    if "default" not in table:
        raise PriceError(f"credits.default is missing: the price for other values of {by}")
    prices = {str(value): _read_cost(cost, f"values.{value}") for value, cost in values.items()}
    return Price(_read_cost(table["default"], "default"), by, prices)


def _read_cost(value: Any, name: str) -> int:
    where = name if name == "credits" else f"credits.{name}"
    if isinstance(value, (int, float)):
        try:
            micros = to_micros(value)
        except ValueError as error:
            raise PriceError(f"{where}: {error}") from None
        if 0 <= micros <= MOST:
            return micros
    raise PriceError(
        f"{where} must be a number of credits from 0 to {MOST // MICROS}; a table of prices is"
        ' {"by": field, "values": {value: number}, "default": number}'
    )


def _as_key(value: Any) -> str | None:
    """Write a field's value as it stands in a table, where every value is a text."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return str(value)
        case _:
            return None
