"""Amounts of credits. Inside, they are whole micro-credits; at the edges, numbers of credits."""

from decimal import Decimal, InvalidOperation

MICROS = 1_000_000
"""Micro-credits in a credit."""
DECIMALS = 6
DIGITS = 15
"""Most digits of an amount, so that it is exact as a JSON number."""
LARGEST = 10**DIGITS - 1
"""The largest amount, in micro-credits."""
LIMIT = 10 ** (DIGITS - DECIMALS)
"""No amount reaches this many credits."""


def to_micros(amount: Decimal | float | str) -> int:
    """Turn a number of credits into micro-credits; the sign stays. Raises ``ValueError`` with a sentence for anything
    that is not a number, has more than six decimals or is out of range."""
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(amount, bool) or not number.is_finite():
        raise ValueError("an amount of credits must be a number such as 5 or 0.25")
    if not -LIMIT < number < LIMIT:
        raise ValueError(f"an amount of credits must be below {LIMIT}")
    micros = int(number * MICROS)
    if Decimal(micros) / MICROS != number:
        raise ValueError(f"an amount of credits must not have more than {DECIMALS} decimals")
    return micros


def to_number(micros: int) -> int | float:
    """Turn micro-credits into the number of credits that JSON shows."""
    return micros // MICROS if micros % MICROS == 0 else micros / MICROS


def to_text(micros: int) -> str:
    """Turn micro-credits into digits for people: 0.000002, where a number may be shown as 2e-06."""
    return plain(Decimal(micros) / MICROS)


def plain(number: Decimal) -> str:
    """Write a number in digits, without an exponent or superfluous zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
