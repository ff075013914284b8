"""How long another server asks to be left alone."""

import time
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""What is asked for beyond this many seconds does not count."""


def retry_after(text: str | None) -> float | None:
    """Read the header: seconds, or a date. None if it says nothing useful."""
    if text is None:
        return None
    text = text.strip()
    if text.isdecimal():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, LONGEST_WAIT) if wait > 0 else None
