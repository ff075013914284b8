"""JSON as APIs really send it, with numbers that stay exact.

Python's own parser is used, because it keeps whole numbers of any length; floats would change the ids of tasks.
"""

import json
import math
import re
import sys
from typing import Any

LOWEST, HIGHEST = -(2**63), 2**64 - 1
"""Whole numbers beyond these are kept as text in results: neither the queue nor most clients can hold them."""
LONGEST_NUMBER = 1000
"""Digits."""
EXACT_FLOATS = 2.0**53
CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)
TEXT_CHARSETS = re.compile(r"utf|iso|latin|windows-|cp\d|us-ascii|ascii|shift|euc|gb|big5|koi8", re.IGNORECASE)
"""Python knows others that are no charsets, such as ``unicode_escape``."""
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def text_of(body: bytes, content_type: str) -> str:
    """Decode a body: by its byte order mark, as its content type says, as UTF-8, or as Latin-1, which always works."""
    marked = next((name for mark, name in MARKS if body.startswith(mark)), None)
    said = CHARSET.search(content_type)
    named = said[1] if said and TEXT_CHARSETS.match(said[1]) else "utf-8"
    for charset in (marked, named, "utf-8"):
        try:
            if charset is not None:
                return body.decode(charset)
        except (LookupError, UnicodeError):
            continue
    return body.decode("latin-1")


def parse(text: str) -> Any:
    """Parse a JSON text. NaN and the infinities, which are no JSON, become null.

    Raises ``ValueError``, and ``RecursionError`` for what is nested deeper than Python can follow.
    """
    return json.loads(text, parse_int=_any_whole, parse_float=_float, parse_constant=lambda _: None)


def parse_result(text: str) -> Any:
    """Parse what jq wrote: as :func:`parse` does, but with values that results can hold.

    A whole number outside −2⁶³…2⁶⁴−1 becomes text; a number such as ``1.0`` or ``1E+3`` becomes a whole one.
    """
    return json.loads(text, parse_int=_whole, parse_float=_plain_float)


def written(document: Any) -> bytes:
    """Write a document as JSON. Raises ``RecursionError``."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def _any_whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else _float(digits)


def _whole(digits: str) -> int | str:
    if len(digits) > len(str(LOWEST)) or not LOWEST <= int(digits) <= HIGHEST:
        return digits
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number


def _plain_float(digits: str) -> float:
    number = _float(digits)
    return int(number) if number.is_integer() and abs(number) <= EXACT_FLOATS else number
