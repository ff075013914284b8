"""JSON request bodies, read strictly: what PostgreSQL or Python would choke on, or silently change, is refused here."""

import json
from typing import Any, NoReturn

import orjson

from emprops.errors import BadRequestError, TooLargeError

MAX_KEY_LENGTH = 256
MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1


class MalformedJsonError(BadRequestError):
    """The body is not JSON, or holds something that cannot be kept unchanged."""

    code = "malformed_json"


def parse_json(raw: bytes, *, max_depth: int = 64, max_nodes: int = 20_000) -> Any:
    """Parse a JSON document.

    Refuses (:class:`MalformedJsonError`): anything but strict UTF-8 JSON, NaN and Infinity, lone surrogates, NUL,
    integers outside −2⁶³…2⁶⁴−1, keys over 256 characters, nesting deeper than ``max_depth``. Raises
    :class:`TooLargeError` for more than ``max_nodes`` values.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error):
            _too_deep(max_depth)
        raise MalformedJsonError(f"The body is not valid JSON: {error}") from None
    if _walk(document, max_depth, max_nodes):
        _check_integers(raw)
    return document


def _walk(document: Any, max_depth: int, max_nodes: int) -> bool:
    """Check every value; tell whether some number may be an integer that the parser had to round."""
    rounded = False
    nodes = 0
    level: list[Any] = [document]
    depth = 0
    while level:
        nodes += len(level)
        if nodes > max_nodes:
            raise TooLargeError(f"The JSON body has more than {max_nodes} values.")
        deeper: list[Any] = []
        containers = False
        for value in level:
            kind = type(value)
            if kind is str:
                _check_text(value)
            elif kind is float:
                rounded = rounded or abs(value) >= MAX_INTEGER // 2
            elif kind is list:
                containers = True
                deeper.extend(value)
            elif kind is dict:
                containers = True
                _check_keys(value)
                deeper.extend(value.values())
        depth += containers
        if depth > max_depth:
            _too_deep(max_depth)
        level = deeper
    return rounded


def _too_deep(max_depth: int) -> NoReturn:
    raise MalformedJsonError(f"The JSON body is nested deeper than {max_depth} levels.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedJsonError("The JSON body contains a NUL character (\\u0000), which cannot be stored.")


def _check_keys(value: dict[str, Any]) -> None:
    for key in value:
        _check_text(key)
        if len(key) > MAX_KEY_LENGTH:
            raise MalformedJsonError(f"The JSON body has a key longer than {MAX_KEY_LENGTH} characters.")


def _check_integers(raw: bytes) -> None:
    """Refuse integers that orjson turned into floats. Slow, so only done when a float of that size was seen."""
    json.loads(raw, parse_int=_check_integer)


def _check_integer(digits: str) -> int:
    if len(digits) > 21 or not MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        raise MalformedJsonError("The JSON body has an integer outside -2^63 … 2^64-1; send larger numbers as text.")
    return int(digits)
