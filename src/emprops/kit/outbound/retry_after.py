"""How long another server asks to be left alone."""

import re
import time
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""What is asked for beyond this many seconds does not count."""
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")


def retry_after(text: str | None, milliseconds: str | None = None) -> float | None:
    """Read the header: seconds, or a date. None if it says nothing useful.

    ``milliseconds``: what some services send as well, and more precisely, as ``retry-after-ms``.
    """
    if milliseconds is not None and _NUMBER.fullmatch(milliseconds.strip()):
        return min(float(milliseconds) / 1000, LONGEST_WAIT)
    if text is None:
        return None
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wait, LONGEST_WAIT) if wait > 0 else None
