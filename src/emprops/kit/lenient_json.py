"""JSON from other people's services, read leniently: what can be kept is kept, and the rest does not spoil it.

Python's own ``json`` writes NaN, Infinity, integers of any size and lone surrogates, and many services are in Python.
"""

import json
import math
import re
from typing import Any

import orjson

from emprops.kit.text import storable_json

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1
_EXACT_DIGITS = len(str(MAX_INTEGER))
_MAY_BREAK = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
"""Escapes of surrogates, which may be half a pair, and of NUL."""


class NotJsonError(ValueError):
    """The text is not even lenient JSON."""


def read_json(raw: bytes | str) -> Any:
    """Parse a JSON document. Raises :class:`NotJsonError`.

    A number that cannot be kept (NaN, Infinity, one beyond the range of floats) becomes None; an integer outside
    −2⁶³…2⁶⁴−1 becomes a float; a lone surrogate or a byte that is not UTF-8 becomes U+FFFD, and split surrogate pairs
    are joined. Control characters within strings and a byte order mark are accepted.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw if isinstance(raw, str) else bytes(raw).decode(json.detect_encoding(bytes(raw)), "replace")
    try:
        document = _LENIENT.decode(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"not JSON: {type(error).__name__}: {error}") from None
    return storable_json(document) if _MAY_BREAK.search(text) else document


def json_or_none(raw: bytes | str) -> Any:
    """Parse a document as :func:`read_json` does; None for what is no JSON."""
    try:
        return read_json(raw)
    except NotJsonError:
        return None


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | float | None:
    if len(digits) > _EXACT_DIGITS:
        return _number(digits)
    number = int(digits)
    return number if MIN_INTEGER <= number <= MAX_INTEGER else float(number)


_LENIENT = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=lambda _: None, strict=False)
