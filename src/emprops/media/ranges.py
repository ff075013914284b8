"""The ``Range`` header, as far as it is honoured: one range of bytes (RFC 9110 §14)."""

import re

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


class UnsatisfiableRangeError(Exception):
    """The range starts beyond the end of the file."""


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return ``(start, stop)`` of the wanted part, or None for the whole file.

    A header that asks for several ranges, or that is not understood, is ignored, as the standard allows: answering
    several ranges is how small requests are made to cost much. Raises :class:`UnsatisfiableRangeError`.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return None
    if start >= size or start >= stop:
        raise UnsatisfiableRangeError
    return start, stop
