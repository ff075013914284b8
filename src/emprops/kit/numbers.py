"""Numbers in sentences for people."""


def plain(number: float) -> str:
    """Write a number as one would: ``4294967295``, ``0.5``; whole ones without a point, none rounded."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e16 else repr(number)


def within(minimum: float | None, maximum: float | None) -> str:
    """Say what a number must lie within, to follow "must be a number": `` from 1 to 4``; empty without limits."""
    if minimum is not None and maximum is not None:
        return f" from {plain(minimum)} to {plain(maximum)}"
    if minimum is not None:
        return f" of at least {plain(minimum)}"
    return "" if maximum is None else f" of at most {plain(maximum)}"
