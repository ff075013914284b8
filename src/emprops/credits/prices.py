"""What a step costs: a workflow says so in ``data.credits``. And what a collection costs by itself. Pure.

Either a number (``0.25``), or ``{"cost": 0.25}``, or a table by the value of one of the form's fields::

    {"by": "job_type", "values": {"openai": 0.05}, "default": 0.25}

In place of a number there may be a price by usage (``usage.py``). A table needs its default, so that no value a caller
may think of is free by accident. Without ``credits`` a step is free. Scripts, which the original platform ran here, are
refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from emprops.credits.amounts import MICROS, to_micros
from emprops.credits.usage import RATE_DECIMALS, Usage, is_name, read_rate

MOST = 1_000_000 * MICROS
"""The most a step, or a collection by itself, may cost, in micro-credits."""
MAX_ROWS = 1_000


class PriceError(ValueError):
    """A definition is no price; the message is a sentence that says what is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step costs, and why."""

    price: int = 0
    """What is held, in micro-credits: the price, or the most that a price by usage allows."""
    usage: Usage | None = None
    """How it is settled, if that is by usage."""
    by: str | None = None
    """The form field that decided."""
    value: str | None = None
    """The row of the table that its value chose; None: the default."""
    floored: bool = False
    """Whether the workflow's price was below what the policy of its job type asks for."""

    @property
    def least(self) -> int:
        """The least that it may cost, in micro-credits."""
        return self.price if self.usage is None else self.usage.minimum

    def at_least(self, floor: int) -> "Cost":
        """Return the same, but that it is never less than this many micro-credits."""
        if floor <= self.least:
            return self
        usage = self.usage and replace(self.usage, minimum=floor, most=max(self.usage.most, floor))
        return replace(self, price=max(self.price, floor), usage=usage, floored=True)


FREE = Cost()


@dataclass(frozen=True, slots=True)
class Price:
    """What steps of a workflow cost."""

    default: Cost = FREE
    by: str | None = None
    """The form field that decides; None: every step costs ``default``."""
    values: Mapping[str, Cost] = field(default_factory=dict)

    def of(self, fields: Mapping[str, Any]) -> Cost:
        """Return what a step with these form values costs. A value that only another step will give costs the
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
    cost: Cost
    order: int | None = None
    """Its place in the job, from 1; None: it has nothing to run."""

    @property
    def price(self) -> int:
        """What is held for it, in micro-credits."""
        return self.cost.price


def read_price(definition: Any) -> Price:
    """Read ``data.credits``; None is free. Raises :class:`PriceError`."""
    if definition is None:
        return Price()
    if isinstance(definition, Mapping) and "by" in definition:
        return _read_table(definition)
    if isinstance(definition, Mapping) and "per" not in definition:
        return Price(Cost(_read_amount(definition.get("cost"), "cost")))
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
    prices = {
        str(value): replace(_read_cost(cost, f"values.{value}"), by=by, value=str(value))
        for value, cost in values.items()
    }
    return Price(replace(_read_cost(table["default"], "default"), by=by), by, prices)


def _read_cost(value: Any, name: str) -> Cost:
    if not isinstance(value, Mapping):
        return Cost(_read_amount(value, name))
    where = _named(name)
    if not is_name(value.get("per")):
        raise PriceError(f"{where}.per must say what is counted: seconds, or a number in the result's usage")
    rate = read_rate(value.get("rate"))
    if rate is None:
        raise PriceError(
            f"{where}.rate must be a number of credits above 0 for each of {value['per']}, with at most"
            f" {RATE_DECIMALS} decimals"
        )
    prefix = "" if name == "credits" else f"{name}."
    most = _read_amount(value.get("most"), f"{prefix}most")
    minimum = _read_amount(value.get("minimum", 0), f"{prefix}minimum")
    if most == 0 or minimum > most:
        raise PriceError(f"{where}.most must be above 0, and not below {where}.minimum: it is what is held")
    return Cost(most, Usage(value["per"], rate, minimum, most))


def _read_amount(value: Any, name: str) -> int:
    where = _named(name)
    if isinstance(value, (int, float)):
        try:
            micros = to_micros(value)
        except ValueError as error:
            raise PriceError(f"{where}: {error}") from None
        if 0 <= micros <= MOST:
            return micros
    raise PriceError(
        f"{where} must be a number of credits from 0 to {MOST // MICROS}; a table of prices is"
        ' {"by": field, "values": {value: number}, "default": number}, and a price by usage is'
        ' {"per": "total_tokens", "rate": number, "minimum": number, "most": number}'
    )


def _named(name: str) -> str:
    return name if name == "credits" else f"credits.{name}"


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
