"""Figures as plain text."""

from collections.abc import Sequence
from statistics import median, quantiles


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(f"\n{title}\n")
    for row in (header, ["-" * width for width in widths], *rows):
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]).rstrip())


def rate(values: Sequence[float]) -> str:
    """Give the median of rates, in whole numbers a second."""
    return f"{median(values):,.0f}"


def ratio(values: Sequence[float], limits: Sequence[float]) -> str:
    """Give the median of the ratios, each of two figures from one round."""
    return f"{median(ratios(values, limits)):.2f}"


def ratios(values: Sequence[float], limits: Sequence[float]) -> list[float]:
    """Divide round by round: what the machine does to one round, it does to both of its figures."""
    return [value / limit for value, limit in zip(values, limits, strict=True)]


def p50(samples: Sequence[float]) -> float:
    """Give the median."""
    return median(samples)


def p99(samples: Sequence[float]) -> float:
    """Give the value that one in a hundred exceeds."""
    return quantiles(samples, n=100, method="inclusive")[-1]


def verdict(passed: bool) -> str:
    """Give the word for it."""
    return "PASS" if passed else "FAIL"
